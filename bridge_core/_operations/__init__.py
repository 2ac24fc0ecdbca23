"""Every verb, written once as ``async def``; awaits nothing but the backend and the transport."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ..calls import Calls

if TYPE_CHECKING:
    from ..backends.base import Backend
    from ..config import Config
    from ..literals import Codec
    from ..transport.base import Transport
    from .data import DataOperations
    from .files import FileOperations
    from .launch import LaunchOperations
    from .nodes import InsideOperations
    from .register import RegisterOperations
    from .relaunch import AgainOperations
    from .runs import RunOperations
    from .triggers import TriggerOperations

__all__ = ["Operations"]


class Operations:
    """The verbs of one client, grouped as the files of this folder are; a group is imported when it is used first."""

    def __init__(self, transport: Transport, config: Config, codec: Codec | None = None) -> None:
        from ..backends.flyte1.backend import Flyte1Backend

        self._transport = transport
        self._config = config
        self._codec = codec
        self.backend: Backend = Flyte1Backend(Calls(transport, config), config)

    @cached_property
    def files(self) -> FileOperations:
        """Files, up and down."""
        from .files import FileOperations

        return FileOperations(self.backend, self._transport, self._config)

    @cached_property
    def data(self) -> DataOperations:
        """Values."""
        from .data import DataOperations

        return DataOperations(self.backend, self._transport, self.files, self._codec)

    @cached_property
    def runs(self) -> RunOperations:
        """Runs that exist."""
        from .runs import RunOperations

        return RunOperations(self.backend, self._transport, self._config)

    @cached_property
    def launch(self) -> LaunchOperations:
        """New runs, and entities."""
        from .launch import LaunchOperations

        return LaunchOperations(self.backend, self._transport, self._config, self.data)

    @cached_property
    def again(self) -> AgainOperations:
        """Runs made from runs."""
        from .relaunch import AgainOperations

        return AgainOperations(self.backend, self._transport)

    @cached_property
    def inside(self) -> InsideOperations:
        """The inside of runs."""
        from .nodes import InsideOperations

        return InsideOperations(self.backend, self._transport, self._config, self.data)

    @cached_property
    def registration(self) -> RegisterOperations:
        """Tasks, workflows and launch plans, registered."""
        from .register import RegisterOperations

        return RegisterOperations(self.backend, self._transport, self._config, self.files)

    @cached_property
    def triggers(self) -> TriggerOperations:
        """Triggers and activation."""
        from .triggers import TriggerOperations

        return TriggerOperations(self.backend, self._config, self.data)
