"""Verbs on triggers that Flyte itself fires: deploy, list, activate, deactivate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..model.arguments import texts, wrong
from ..model.errors import InvalidRequest
from ..model.ids import EntityKind, EntityRef

if TYPE_CHECKING:
    from ..backends.base import Backend
    from ..config import Config
    from ..schedules import DeployedTrigger, Trigger
    from .data import DataOperations

__all__ = ["TriggerOperations"]


class TriggerOperations:
    """The verbs that make Flyte fire triggers."""

    def __init__(self, backend: Backend, config: Config, data: DataOperations) -> None:
        self._backend = backend
        self._config = config
        self._data = data

    async def deploy(self, trigger: Trigger) -> DeployedTrigger:
        """Makes Flyte know the trigger, and fire it unless ``auto_activate`` is False. The same trigger again changes nothing."""
        from ..schedules import Trigger

        if not isinstance(trigger, Trigger):
            raise wrong("trigger", "a Trigger('name', entity=…, automation=Cron(…))", trigger)
        interface = await self._backend.interface(trigger.entity.placed(self._config))
        self._backend.triggers.check(trigger, interface)
        kickoff = trigger.kickoff_inputs
        given = {name: value for name, value in trigger.inputs.items() if name not in kickoff}
        parameters = {name: item for name, item in interface.parameters.items() if name not in kickoff}
        try:
            encoded = self._data.codec.encode_inputs(given, parameters, fixed=tuple(interface.fixed))
        except InvalidRequest as error:
            raise error.with_message(f"trigger {trigger.name!r}: {interface.entity}: {error.message}") from None
        staged = await self._data.stage(encoded)
        place = interface.entity
        literals = await self._data.upload(encoded, staged, project=place.project or "", domain=place.domain or "")
        for name in [name for name in literals.literals if name not in given]:
            del literals.literals[name]  # a default: the launch plan has it, and may change it
        return await self._backend.triggers.deploy(trigger, interface, literals)

    async def list(self, project: str | None, domain: str | None) -> list[DeployedTrigger]:
        """Everything that has a schedule, by name; active or not."""
        texts(project=project, domain=domain)
        where = EntityRef.launch_plan("any", project=project, domain=domain).placed(self._config)
        found = [item async for item in self._backend.triggers.listed(where.project or "", where.domain or "")]
        return sorted(found, key=lambda item: item.name)

    async def activate(self, ref: EntityRef | str) -> DeployedTrigger:
        """Starts the schedule of a launch plan: the pinned version, or the newest."""
        return await self._backend.triggers.activate(self._plan(ref))

    async def deactivate(self, ref: EntityRef | str) -> DeployedTrigger:
        """Stops it: the pinned version, or the active one. What is not active stays so."""
        return await self._backend.triggers.deactivate(self._plan(ref))

    async def delete(self, ref: EntityRef | str) -> None:
        """Makes Flyte forget a trigger."""
        await self._backend.triggers.delete(self._plan(ref))

    def _plan(self, ref: EntityRef | str) -> EntityRef:
        entity = EntityRef.of(ref)
        if entity.kind is not EntityKind.LAUNCH_PLAN:
            raise InvalidRequest(
                f"{entity}: only launch plans can be active; name the launch plan that has the schedule"
            )
        return entity.placed(self._config)
