"""Launches that bring their code along: it is registered first, and its version is pinned into the launch and the run's name.

So a retry of the launch, whatever died in between, finds the registration and the run of the same content: one registration, one
run. Changed content is another version under another name, and never mistaken for the run of the old one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..model.run_names import versioned_run_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..config import Config
    from ..model.ids import EntityRef
    from ..model.registration import RegisterRequest
    from ..model.requests import LaunchRequest
    from .register import RegisterOperations

__all__ = ["RegisterFirst"]


class RegisterFirst:
    """Registers what launches bring along, the same source once for all launches of one call."""

    def __init__(self, config: Config, registration: Callable[[], RegisterOperations]) -> None:
        self._config = config
        self._registration = registration
        self._known: list[tuple[RegisterRequest, EntityRef, EntityRef]] = []

    async def pinned(self, request: LaunchRequest) -> LaunchRequest:
        """The launch of what was registered; of what brings nothing along, the same.

        Raises:
            InvalidRequest: The source does not hold what is to be launched, or two versions are named; nothing was written.
            BridgeError: See `Client.register`.
        """
        register = request.register
        if register is None:
            return request
        if request.name is not None:
            versioned_run_name(request.name, "")  # refused before anything is written
        entity = request.entity.placed(self._config)
        register = register.for_launch(entity)
        found = next((pin for known, wanted, pin in self._known if wanted == entity and known == register), None)
        if found is None:
            _, found = await self._registration().register_for(entity, register)
            self._known.append((register, entity, found))
        name = None if request.name is None else versioned_run_name(request.name, found.version or "")
        return replace(request, register=None, entity=found, name=name)
