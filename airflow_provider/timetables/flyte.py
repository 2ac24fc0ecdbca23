"""`FlyteTriggerTimetable`: a Flyte schedule that Airflow's scheduler follows, at Flyte's times and not croniter's.

Airflow computes cron with croniter, which moves a fire time that a clock change skips and knows no ``@every``. The same trigger
deployed to Flyte and scheduled here fires at the same moments, because both follow robfig/cron (`bridge_core.schedules`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.timetables.base import DagRunInfo, DataInterval, Timetable

from airflow_provider._shared.tick import tick_template
from bridge_core import Cron, FixedRate, InvalidRequest, Trigger, TriggerTime

if TYPE_CHECKING:
    from airflow.sdk import DAG
    from airflow.timetables.base import TimeRestriction
    from pendulum import DateTime

__all__ = ["FlyteTriggerTimetable", "dag_from_trigger"]


class FlyteTriggerTimetable(Timetable):
    """Runs a DAG at the ticks of a `Cron`, a `FixedRate`, or a `Trigger`.

    A DAG run belongs to one tick: ``logical_date``, ``data_interval_start`` and ``data_interval_end`` are the tick, as with
    Airflow's own `CronTriggerTimetable`, and as `TriggerTime` in Flyte. With ``data_intervals=True`` the data interval goes from
    the tick before to this one, and ``logical_date`` is its start, as with `CronDataIntervalTimetable`.

    Catching up: with ``catchup=True`` every tick from ``start_date`` on gets its run. Without, a DAG that was paused or a
    scheduler that was down gets the newest missed tick only; a DAG without runs begins with the next tick.

    Intervals without a start (``@every``, ``FixedRate(15)``) count from the DAG's ``start_date``.

    Args:
        schedule: When; of a trigger, its automation.
        data_intervals: Whether runs cover the time since the tick before.

    Raises:
        InvalidRequest: The trigger has no schedule, or this is neither.
    """

    def __init__(self, schedule: Cron | FixedRate | Trigger, *, data_intervals: bool = False) -> None:
        when = schedule.automation if isinstance(schedule, Trigger) else schedule
        if not isinstance(when, Cron | FixedRate):
            raise InvalidRequest(
                f"timetable: wanted Cron(…), FixedRate(…) or a Trigger with one of them, got {schedule!r}; a trigger without a "
                "schedule is a DAG with schedule=None"
            )
        self._when = when
        self._data_intervals = data_intervals
        self.description = when.describe()

    @property
    def summary(self) -> str:
        """What the UI shows in lists."""
        return str(self._when)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FlyteTriggerTimetable):
            return NotImplemented
        return self._when == other._when and self._data_intervals == other._data_intervals

    def __hash__(self) -> int:
        return hash((self._when, self._data_intervals))

    def serialize(self) -> dict[str, Any]:
        """Plain JSON, for the serialised DAG."""
        as_trigger = Trigger("timetable", entity="timetable", automation=self._when).to_dict()
        kept: dict[str, Any] = {
            key: as_trigger[key] for key in ("cron", "timezone", "interval_minutes", "start_time") if key in as_trigger
        }
        return {**kept, "data_intervals": self._data_intervals}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> FlyteTriggerTimetable:
        """The reverse of `serialize`."""
        trigger = Trigger.from_dict(data | {"name": "timetable", "entity": "timetable"})
        return cls(trigger, data_intervals=bool(data.get("data_intervals")))

    def infer_manual_data_interval(self, *, run_after: DateTime) -> DataInterval:
        """A manual run belongs to its own moment, or with data intervals to the last whole one."""
        if not self._data_intervals:
            return DataInterval.exact(run_after)
        end = self._when.previous_before(run_after, anchor=run_after)
        start = None if end is None else self._when.previous_before(end, anchor=end)
        return (
            DataInterval.exact(run_after)
            if start is None or end is None
            else DataInterval(_pendulum(start), _pendulum(end))
        )

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The next tick: after the last run's, not before ``start_date``, and without catch-up not before the newest one."""
        last = last_automated_data_interval.end if last_automated_data_interval is not None else None
        now = datetime.now(UTC)
        anchor = restriction.earliest or last or now
        candidates: list[datetime | None] = []
        if last is not None:
            candidates.append(self._when.next_after(last, anchor=anchor))
        if restriction.earliest is not None:
            candidates.append(self._at_or_after(restriction.earliest, anchor))
        if not restriction.catchup:
            newest = self._when.previous_before(now, anchor=anchor) if last is not None else None
            candidates.append(newest if newest is not None else self._when.next_after(now, anchor=anchor))
        elif not candidates:
            candidates.append(self._when.next_after(now, anchor=anchor))
        if any(tick is None for tick in candidates):
            return None
        tick = max(tick for tick in candidates if tick is not None)
        if restriction.latest is not None and tick > restriction.latest:
            return None
        at = _pendulum(tick)
        before = self._when.previous_before(tick, anchor=anchor) if self._data_intervals else tick
        start = at if before is None else _pendulum(before)
        return DagRunInfo.interval(start, at)  # whose constructor wants a partition, too, in 3.2

    def _at_or_after(self, moment: datetime, anchor: datetime) -> datetime | None:
        return next(iter(self._when.between(moment, datetime.max.replace(tzinfo=UTC), anchor=anchor)), None)


def dag_from_trigger(trigger: Trigger, *, dag_id: str | None = None, data_intervals: bool = False, **dag: Any) -> DAG:
    """A DAG of one `FlyteRunOperator` that launches the trigger's entity at its times, with its inputs and options.

    Args:
        trigger: What and when; `TriggerTime` becomes the tick of the DAG run.
        dag_id: None: the trigger's name.
        data_intervals: See `FlyteTriggerTimetable`.
        **dag: Of the DAG: ``start_date``, ``catchup`` (default: False), ``default_args``, …; of the operator: ``operator={...}``.

    Returns:
        The DAG; assign it to a name of the module, so that Airflow finds it. It is paused at first when the trigger is not to
        be activated.

    Example:
        >>> from bridge_core import Cron, Trigger
        >>> dag = dag_from_trigger(Trigger.daily("day", entity="pkg.report", name="report"))  # doctest: +SKIP
    """
    from airflow.providers.common.compat.sdk import DAG

    from airflow_provider.operators.flyte import FlyteRunOperator

    operator: dict[str, Any] = dict(dag.pop("operator", {}))
    inputs = {key: tick_template() if value is TriggerTime else value for key, value in trigger.inputs.items()}
    settings: dict[str, Any] = {
        "dag_id": dag_id or trigger.label,
        "description": trigger.description or trigger.describe(),
        "schedule": None
        if trigger.automation is None
        else FlyteTriggerTimetable(trigger, data_intervals=data_intervals),
        "catchup": False,
        "is_paused_upon_creation": None if trigger.auto_activate else True,
        **dag,
    }
    with DAG(**settings) as built:
        FlyteRunOperator(
            **{"task_id": "run", "entity": trigger.entity, "inputs": inputs, "options": trigger.options, **operator}
        )
    return built


def _pendulum(moment: datetime) -> DateTime:
    import pendulum

    return pendulum.instance(moment)
