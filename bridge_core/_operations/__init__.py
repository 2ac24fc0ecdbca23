"""Every verb, written once as ``async def``; awaits nothing but the backend and the transport."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..calls import Calls
from .again import AgainOperations
from .data import DataOperations
from .files import FileOperations
from .inside import InsideOperations
from .launch import LaunchOperations
from .runs import RunOperations
from .triggers import TriggerOperations

if TYPE_CHECKING:
    from ..backends.base import Backend
    from ..config import Config
    from ..literals import Codec
    from ..transport.base import Transport

__all__ = ["Operations"]


class Operations:
    """The verbs of one client, grouped as the files of this folder are."""

    def __init__(self, transport: Transport, config: Config, codec: Codec | None = None) -> None:
        from ..backends.flyte1.backend import Flyte1Backend

        backend: Backend = Flyte1Backend(Calls(transport, config), config)
        self.backend = backend
        self.files = FileOperations(backend, transport, config)
        self.data = DataOperations(backend, transport, self.files, codec)
        self.runs = RunOperations(backend, transport, config)
        self.launch = LaunchOperations(backend, transport, config, self.data)
        self.again = AgainOperations(backend)
        self.inside = InsideOperations(backend, transport, config)
        self.triggers = TriggerOperations(backend, config, self.data)
