"""Fires active launch plans by cron and fixed rate, as FlyteAdmin's native scheduler does.

Names are flytescheduler's (``scheduler/identifier/identifier.go``): made from the plan and the tick, so that no tick fires
twice, whatever happens in between. After a time without the sandbox, missed ticks are made up for in order
(``scheduler/core/gocron_scheduler.go:176``), here up to a limit: a laptop that slept over the weekend does not start thousands
of runs. Times without a zone are UTC: the scheduler's own zone in its containers.
"""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flyteidl.admin import execution_pb2
from flyteidl.core import identifier_pb2, literals_pb2

from ..model.ids import scheduled_name
from ..model.status import Rejected
from ..store.schedules import ScheduleRow, Schedules
from ..validation.schedules import automation_of, has_schedule

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ...schedules import Cron, FixedRate
    from ..admin.creation import Creation
    from ..store.database import Database
    from .loop import Loop

__all__ = ["Scheduler"]

_log = logging.getLogger(__name__)
_LOOK = 1.0  # seconds between looks for schedules that are due


class Scheduler:
    """Looks every second which schedules are due.

    Args:
        database: Where the schedules are.
        loop: Where it looks.
        launcher: Creates the executions.
        clock: The time, aware.
        catch_up: How many missed ticks of one schedule are made up for; older ones are skipped, and said so in the log.
    """

    def __init__(
        self, database: Database, loop: Loop, launcher: Creation, *, clock: Callable[[], datetime], catch_up: int
    ) -> None:
        if catch_up < 1:
            raise ValueError(f"catch_up must be at least 1, got {catch_up!r}")
        self._loop = loop
        self._launcher = launcher
        self._store = Schedules(database)
        self._clock = clock
        self._catch_up = catch_up
        self._lock = threading.Lock()
        self._automations: dict[int, Cron | FixedRate | None] = {}

    def start(self) -> None:
        """Begins to look."""
        self._loop.later(_LOOK, self._look)

    def plan_changed(self, plan: Any, plan_row: int, *, active: bool) -> None:
        """A launch plan was activated or deactivated."""
        kind = plan.spec.entity_metadata.schedule.WhichOneof("ScheduleExpression")
        if active and kind == "cron_expression":
            text = f"&{{{plan.spec.entity_metadata.schedule.cron_expression}}}"  # as Go prints the oneof
            raise Rejected("INTERNAL", f"failed adding schedule for unknown schedule expression type {text}")
        if active and has_schedule(plan):
            self._store.add(plan_row, self._clock())
        self._store.remove_inactive()

    def fire_due(self) -> list[str]:
        """Launches everything that is due.

        Returns:
            Names of the executions that were made.
        """
        made = []
        with self._lock:
            now = self._clock()
            for row in self._store.all():
                for tick in self._due(row, now):
                    name = self._launch(row.plan, tick)
                    self._store.fired(row.plan_row, tick)
                    made += [name] if name else []
        return made

    def next_fires(self) -> list[tuple[Any, datetime | None]]:
        """Identifier and next fire time of each scheduled launch plan; for the console."""
        now = self._clock()
        fires = []
        for row in self._store.all():
            automation = self._automation(row)
            next_one = None if automation is None else automation.next_after(now, anchor=row.activated_at)
            fires.append((row.plan.id, next_one))
        return fires

    def _look(self) -> None:
        try:
            self.fire_due()
        finally:
            self._loop.later(_LOOK, self._look)

    def _due(self, row: ScheduleRow, now: datetime) -> list[datetime]:
        automation = self._automation(row)
        if automation is None:
            return []
        ticks: list[datetime] = []
        # Backwards, so that a year of missed minutes costs nothing.
        tick = automation.previous_before(now.replace(microsecond=0) + timedelta(seconds=1), anchor=row.activated_at)
        while tick is not None and tick > row.fired_until and len(ticks) < self._catch_up:
            ticks.append(tick)
            tick = automation.previous_before(tick, anchor=row.activated_at)
        if tick is not None and tick > row.fired_until:
            _log.warning("%s: missed ticks up to %s are skipped", row.plan.id.name, tick.isoformat())
        return ticks[::-1]

    def _automation(self, row: ScheduleRow) -> Cron | FixedRate | None:
        if row.plan_row not in self._automations:  # versions never change
            self._automations[row.plan_row] = automation_of(row.plan)
        return self._automations[row.plan_row]

    def _launch(self, plan: Any, tick: datetime) -> str | None:
        """An execution for one tick; None when there is one already, or it is refused."""
        identifier = identifier_pb2.WorkflowExecutionIdentifier(project=plan.id.project, domain=plan.id.domain)
        identifier.name = scheduled_name(plan.id, int(tick.timestamp()))
        spec = execution_pb2.ExecutionSpec(launch_plan=plan.id)
        spec.metadata.mode = execution_pb2.ExecutionMetadata.SCHEDULED
        spec.metadata.scheduled_at.FromDatetime(tick.replace(tzinfo=None))
        inputs = literals_pb2.LiteralMap()
        schedule = plan.spec.entity_metadata.schedule
        if schedule.kickoff_time_input_arg and schedule.WhichOneof("ScheduleExpression") == "cron_schedule":
            # Only for cron (scheduler/executor/executor_impl.go:39): a fixed rate leaves the argument to its default.
            literal = inputs.literals[schedule.kickoff_time_input_arg]
            literal.scalar.primitive.datetime.FromDatetime(tick.replace(tzinfo=None))
        try:
            self._launcher.create(identifier, spec, inputs)
        except Rejected as error:
            if error.code != "ALREADY_EXISTS":
                _log.warning("the tick %s of %s is refused: %s", tick.isoformat(), plan.id.name, error.message)
            return None
        return str(identifier.name)
