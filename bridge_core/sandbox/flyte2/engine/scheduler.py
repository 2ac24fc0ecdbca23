"""Fires active triggers by cron and fixed rate (``runs/scheduler/core``), on the engine's loop.

The name of a tick's run is made of the trigger and the tick, so that no tick fires twice. A trigger counts from its last fire or
switch-on, whichever is later. Inputs are what the backend makes of them: those that a trigger has inline are never used,
and where the time of the tick is asked for, it is the only input.
"""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flyteidl2.common import identifier_pb2
from flyteidl2.task import common_pb2
from flyteidl2.workflow import run_definition_pb2, run_service_pb2

from bridge_core.model.errors import InvalidRequest
from bridge_core.schedules import Cron, FixedRate

from ...model.status import Rejected

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...engine.loop import Loop
    from ..store.triggers import Triggers

__all__ = ["Flyte2Scheduler", "tick_name"]

_log = logging.getLogger(__name__)
_LOOK = 1.0  # seconds between looks
_BASIS, _PRIME, _MASK = 0xCBF29CE484222325, 0x100000001B3, (1 << 64) - 1
_MINUTES = {
    common_pb2.FIXED_RATE_UNIT_MINUTE: 1,
    common_pb2.FIXED_RATE_UNIT_HOUR: 60,
    common_pb2.FIXED_RATE_UNIT_DAY: 1440,
}


def tick_name(name: Any, tick: datetime) -> str:
    """The name of the run of a tick (``executor/trigger_executor.go``): FNV-1, not FNV-1a, and numbers as they are.

    Args:
        name: The TriggerName.
        tick: The tick, aware.
    """
    moment = tick.astimezone(UTC)
    parts = [name.project, name.domain, name.task_name, name.name]
    parts += [str(getattr(moment, unit)) for unit in ("year", "month", "day", "hour", "minute", "second")]
    value = _BASIS
    for byte in ":".join(parts).encode():
        value = ((value * _PRIME) & _MASK) ^ byte
    return f"r{value:x}"


class Flyte2Scheduler:
    """Looks every second which triggers are due.

    Args:
        triggers: The store.
        loop: Where it looks.
        create: Creates a run of a CreateRunRequest.
        clock: The time, aware.
        catch_up: How many missed ticks of one trigger are made up for; older ones are skipped.
    """

    def __init__(
        self,
        triggers: Triggers,
        loop: Loop,
        create: Callable[[Any], Any],
        *,
        clock: Callable[[], datetime],
        catch_up: int,
    ) -> None:
        self._triggers = triggers
        self._loop = loop
        self._create = create
        self._clock = clock
        self._catch_up = catch_up
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begins to look."""
        self._loop.later(_LOOK, self._look)

    def fire_due(self) -> list[str]:
        """Creates the runs of everything that is due; their names."""
        made = []
        with self._lock:
            now = self._clock()
            for trigger in self._triggers.active():
                for tick in self._due(trigger, now):
                    name = self._fire(trigger, tick)
                    self._triggers.fired(trigger.id.name, self._clock())
                    made += [name] if name else []
        return made

    def _look(self) -> None:
        try:
            self.fire_due()
        finally:
            self._loop.later(_LOOK, self._look)

    def _due(self, trigger: Any, now: datetime) -> list[datetime]:
        status = trigger.status
        since = max(_moment(status.updated_at), _moment(status.triggered_at))
        automation = _automation(trigger)
        if automation is None:
            return []
        ticks: list[datetime] = []
        # Backwards, so that a year of missed minutes costs nothing.
        tick = automation.previous_before(now.replace(microsecond=0) + timedelta(seconds=1), anchor=since)
        while tick is not None and tick > since and len(ticks) < self._catch_up:
            ticks.append(tick)
            tick = automation.previous_before(tick, anchor=since)
        return ticks[::-1]

    def _fire(self, trigger: Any, tick: datetime) -> str | None:
        name = trigger.id.name
        run = identifier_pb2.RunIdentifier(project=name.project, domain=name.domain, name=tick_name(name, tick))
        request = run_service_pb2.CreateRunRequest(
            run_id=run, trigger_name=name, source=run_definition_pb2.RUN_SOURCE_SCHEDULE_TRIGGER
        )
        request.run_start_time.FromDatetime(tick.replace(tzinfo=None))
        argument = trigger.automation_spec.schedule.kickoff_time_input_arg
        if argument:
            literal = request.inputs.literals.add(name=argument)
            literal.value.scalar.primitive.datetime.FromDatetime(tick.replace(tzinfo=None))
        try:
            self._create(request)
        except Rejected as error:
            if error.code != "ALREADY_EXISTS":
                _log.warning("the tick %s of %s is refused: %s", tick.isoformat(), name.name, error.message)
            return None
        return str(run.name)


def _automation(trigger: Any) -> Cron | FixedRate | None:
    """When it fires; None for never: there is no schedule, or one that makes the backend's scheduler loop for ever."""
    schedule = trigger.automation_spec.schedule
    try:
        match schedule.WhichOneof("expression"):
            case "cron":
                return Cron(schedule.cron.expression, timezone=schedule.cron.timezone or "UTC")
            case "cron_expression":
                return Cron(schedule.cron_expression)
            case "rate":
                start = _moment(schedule.rate.start_time) if schedule.rate.HasField("start_time") else None
                return FixedRate(schedule.rate.value * _MINUTES.get(schedule.rate.unit, 0), start_time=start)
    except InvalidRequest:
        return None
    return None


def _moment(stamp: Any) -> datetime:
    moment: datetime = stamp.ToDatetime(tzinfo=UTC)
    return moment
