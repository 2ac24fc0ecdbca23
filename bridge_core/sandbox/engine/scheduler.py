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

from flyteidl.admin import execution_pb2, schedule_pb2
from flyteidl.core import identifier_pb2, literals_pb2, types_pb2

from ...model.errors import InvalidRequest
from ...schedules import Cron, FixedRate
from ..model.ids import scheduled_name
from ..model.status import Rejected
from ..store.schedules import ScheduleRow, Schedules

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from .engine import Engine

__all__ = ["Scheduler", "automation_of", "check_schedule"]

_log = logging.getLogger(__name__)
_LOOK = 1.0  # seconds between looks for schedules that are due
_MINUTES = {
    schedule_pb2.FixedRateUnit.MINUTE: 1,
    schedule_pb2.FixedRateUnit.HOUR: 60,
    schedule_pb2.FixedRateUnit.DAY: 24 * 60,
}


def automation_of(plan: Any) -> Cron | FixedRate | None:
    """When a launch plan fires; None when it has no schedule that the native scheduler knows."""
    schedule = plan.spec.entity_metadata.schedule
    kind = schedule.WhichOneof("ScheduleExpression")
    if kind == "cron_schedule":
        return Cron(schedule.cron_schedule.schedule)
    if kind == "rate":
        return FixedRate(schedule.rate.value * _MINUTES[schedule.rate.unit])
    return None


def check_schedule(plan: Any) -> None:
    """Refuses a schedule that FlyteAdmin refuses (``validation/launch_plan_validator.go:74-110``)."""
    schedule = plan.spec.entity_metadata.schedule
    kind = schedule.WhichOneof("ScheduleExpression")
    if kind is None:
        return
    expected, kickoff = plan.closure.expected_inputs.parameters, schedule.kickoff_time_input_arg
    for name in sorted(expected):
        if expected[name].required and name != kickoff:
            text = "Cannot create a launch plan with a schedule if there is an unbound required input."
            raise Rejected("INVALID_ARGUMENT", f"{text} [{name}] is required")
    if kickoff:
        if kickoff not in expected:
            text = "Cannot create a schedule with a KickoffTimeInputArg that does not point to a free input."
            raise Rejected("INVALID_ARGUMENT", f"{text} [{kickoff}] is not free or does not exist.")
        if expected[kickoff].var.type.simple != types_pb2.DATETIME:
            text = (
                f"KickoffTimeInputArg must reference a datetime input. [{kickoff}] is a [{expected[kickoff].var.type}]"
            )
            raise Rejected("INVALID_ARGUMENT", text)
    try:
        if kind == "cron_expression":
            Cron(schedule.cron_expression)
        else:
            automation_of(plan)
    except (InvalidRequest, KeyError) as error:
        raise Rejected("INVALID_ARGUMENT", f"invalid schedule of {plan.id.name}: {error}") from None


class Scheduler:
    """Looks every second which schedules are due.

    Args:
        engine: Whose launch plans these are.
        clock: The time, aware.
        catch_up: How many missed ticks of one schedule are made up for; older ones are skipped, and said so in the log.
    """

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime], catch_up: int) -> None:
        if catch_up < 1:
            raise ValueError(f"catch_up must be at least 1, got {catch_up!r}")
        self._engine = engine
        self._store = Schedules(engine.database)
        self._clock = clock
        self._catch_up = catch_up
        self._lock = threading.Lock()
        self._automations: dict[int, Cron | FixedRate | None] = {}

    def start(self) -> None:
        """Begins to look."""
        self._engine.loop.later(_LOOK, self._look)

    def plan_changed(self, plan: Any, plan_row: int, *, active: bool) -> None:
        """A launch plan was activated or deactivated."""
        kind = plan.spec.entity_metadata.schedule.WhichOneof("ScheduleExpression")
        if active and kind == "cron_expression":
            raise Rejected("INTERNAL", "failed adding schedule for unknown schedule expression type cron_expression")
        if active and kind is not None:
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
            self._engine.loop.later(_LOOK, self._look)

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
            self._engine.launcher.create(identifier, spec, inputs)
        except Rejected as error:
            if error.code != "ALREADY_EXISTS":
                _log.warning("the tick %s of %s is refused: %s", tick.isoformat(), plan.id.name, error.message)
            return None
        return str(identifier.name)
