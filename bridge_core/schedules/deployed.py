"""`DeployedTrigger`: a trigger as Flyte has it. Inert."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..model.public import public
from .zones import aware

if TYPE_CHECKING:
    from datetime import datetime

    from ..model.ids import EntityRef, RunRef

__all__ = ["DeployedTrigger"]


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedTrigger:
    """What Flyte knows about a trigger.

    Attributes:
        ref: On Flyte 1 the launch plan that carries the schedule, pinned.
        entity: What it launches: on Flyte 1 the workflow.
        schedule: As the server has it: ``CRON_TZ=Europe/Berlin 0 3 * * *``, ``every 15 min``; empty without one.
        kickoff_input: The input that gets the tick; empty when there is none.
        active: Whether it fires.
        created: `Client.deploy_trigger` only: whether this call made the version, or found it.
        description: For people.
    """

    ref: EntityRef
    entity: EntityRef
    schedule: str
    kickoff_input: str = ""
    active: bool = False
    created: bool = False
    description: str = ""

    @property
    def name(self) -> str:
        """The trigger's name."""
        return self.ref.name

    def run_at(self, tick: datetime) -> RunRef:
        """The run that Flyte 2 itself makes, or has made, when this trigger fires at that time.

        Args:
            tick: A time of its schedule, with a zone.

        Raises:
            Unsupported: A trigger of Flyte 1, whose scheduler names runs in another way.
        """
        from ..model.errors import Unsupported
        from ..model.ids import EntityKind
        from .ticks import tick_run

        if self.entity.kind is not EntityKind.TASK:
            raise Unsupported(f"trigger {self.name!r}: names of the runs of ticks can be told on Flyte 2 only")
        where = self.ref
        return tick_run(where.project or "", where.domain or "", self.entity.name, self.name, aware(tick, "tick"))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "name": self.name,
            "ref": str(self.ref),
            "entity": str(self.entity),
            "schedule": self.schedule,
            "kickoff_input": self.kickoff_input or None,
            "active": self.active,
            "created": self.created,
            "description": self.description,
        }
