"""`build_flyte_schedule`: a trigger that Dagster's scheduler follows; one Dagster run per tick, one Flyte run per Dagster run.

Dagster has its own cron arithmetic. It is given explicit lists of minutes, hours, days, which it reads as Flyte does, and every
tick it finds is checked against `bridge_core`'s: one that a clock change moved is skipped, with the reason in the UI. What
stays different: a wall clock that is repeated fires once in Dagster and twice in Flyte.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from bridge_core import Cron, FixedRate, InvalidRequest, Trigger

from ._origin import TICK_TAG
from ._partitions import partition_at, partitions_of
from .assets import build_flyte_assets

__all__ = ["TICK_TAG", "build_flyte_schedule"]

_DAY = 1440


def build_flyte_schedule(
    trigger: Trigger,
    *,
    name: str | None = None,
    target: Any | None = None,
    default_status: dg.DefaultScheduleStatus | None = None,
    asset: Mapping[str, Any] | None = None,
    partition: Callable[[datetime], str] | None = None,
    shared: bool = False,
) -> dg.ScheduleDefinition:
    """A schedule that runs at the ticks of a trigger.

    Each tick requests one Dagster run whose ``run_key`` is the trigger's run name of that tick, so that a tick which is evaluated
    twice runs once. The run has the tag ``flyte/tick``.

    Args:
        trigger: When, and what: `TriggerTime` among its inputs becomes the tick.
        name: Of the schedule. None: the trigger's.
        target: What to run instead: a job or assets of yours, which read the tag. None: an asset that runs the trigger's
            entity with its inputs and options; it becomes part of the definitions with the schedule.
        default_status: None: STOPPED, as everywhere in Dagster: it is started in the UI.
        asset: Arguments for `build_flyte_assets`, ``key`` for instance, when `target` is None.
        partition: Of a tick, for a target with partitions. None: the newest one that has ended by the tick, which only
            partitions of time have.
        shared: Other Dagster deployments follow the same trigger and are one with this: a tick is one Flyte run, made by
            whoever comes first, and the others attach to it. An abort in one of them is an abort for all.

    Raises:
        InvalidRequest: Dagster's schedules cannot say it: an interval that counts from activation, or that does not divide a
            day; the target's partitions say nothing about time; or `shared` with a target of yours. The message says what to do.

    Example:
        >>> from bridge_core import Cron, Trigger
        >>> from dagster_integration import build_flyte_schedule
        >>> nightly = Trigger("nightly", entity="pkg.report", automation=Cron("0 3 * * *", timezone="Europe/Berlin"))
        >>> build_flyte_schedule(nightly).execution_timezone
        'Europe/Berlin'
    """
    expressions, zone = _crons(trigger)
    where = f"schedule of trigger {trigger.name!r}"
    safe = re.sub(r"\W+", "_", name or trigger.name, flags=re.ASCII).strip("_")
    if shared and target is not None:
        raise InvalidRequest(
            f"{where}: shared=True needs the asset that comes with the schedule; for a target of yours, give build_flyte_assets "
            "or flyte_assets work=, a function of the context that names the tick's work"
        )
    if target is None:
        settings: dict[str, Any] = {"name": safe, "description": trigger.description or None, **(asset or {})}
        if "key" in settings:
            del settings["name"]
        target = build_flyte_assets(
            trigger.entity,
            inputs=lambda context: trigger.inputs_at(_tick_of(context)),
            options=trigger.options,
            work=(lambda context: _work_of(trigger, context)) if shared else None,
            **settings,
        )
    if partition is None:
        partition_at(partitions_of(target), None, where)  # what cannot have one is found while loading

    def evaluate(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        tick = context.scheduled_execution_time.astimezone(UTC)
        second = timedelta(seconds=1)
        if trigger.next_after(tick - second) != tick:
            after = trigger.next_after(tick)
            return dg.SkipReason(
                f"{tick.isoformat()} is no tick of {trigger.describe()}: Dagster moved a wall clock that is skipped, or the "
                f"trigger has not begun; next is {after.isoformat() if after else 'none'}"
            )
        try:
            key = (
                partition(tick) if partition else partition_at(_partitions_now(context, target, schedule), tick, where)
            )
        except InvalidRequest as error:
            return dg.SkipReason(str(error))
        return dg.RunRequest(run_key=trigger.run_name(tick), tags={TICK_TAG: tick.isoformat()}, partition_key=key)

    schedule = dg.ScheduleDefinition(
        name=f"{safe}_schedule" if name is None else safe,
        cron_schedule=expressions[0] if len(expressions) == 1 else expressions,
        execution_timezone=zone,
        execution_fn=evaluate,
        target=target,
        default_status=default_status or dg.DefaultScheduleStatus.STOPPED,
        description=trigger.description or trigger.describe(),
        tags={"flyte/trigger": trigger.label},
    )
    return schedule


def _partitions_now(
    context: dg.ScheduleEvaluationContext, target: Any, schedule: dg.ScheduleDefinition
) -> dg.PartitionsDefinition[Any] | None:
    """Of the target, or of the job that it became: an asset selection has partitions only among all definitions."""
    found = partitions_of(target)
    if found is not None or isinstance(target, dg.AssetsDefinition):
        return found
    try:
        return context.repository_def.get_job(schedule.job_name).partitions_def
    except dg.DagsterInvariantViolationError:  # evaluated by itself, in a test of a user
        return None


def _work_of(trigger: Trigger, context: dg.AssetExecutionContext) -> str | None:
    """The name of the tick's run, which all deployments share; None for a run that a person started."""
    text = context.run.tags.get(TICK_TAG)
    return trigger.run_name(datetime.fromisoformat(text)) if text else None


def _tick_of(context: dg.AssetExecutionContext) -> datetime:
    """The run's tick; a run that a person started belongs to its own moment."""
    text = context.run.tags.get(TICK_TAG)
    return datetime.fromisoformat(text) if text else datetime.now(UTC).replace(microsecond=0)


def _crons(trigger: Trigger) -> tuple[Sequence[str], str]:
    when = trigger.automation
    where = f"schedule of trigger {trigger.name!r}"
    if when is None:
        raise InvalidRequest(
            f"{where}: the trigger has no schedule; use build_flyte_assets, and materialize it on demand"
        )
    if isinstance(when, Cron):
        if when.portable_expression is None:
            raise InvalidRequest(
                f"{where}: {when.expression!r} counts from activation, and Dagster's schedules know clock times only; use a cron "
                "like '*/15 * * * *', or FixedRate(15, start_time=…)"
            )
        return [when.portable_expression], when.timezone
    return _of_rate(when, where), "UTC"


def _of_rate(rate: FixedRate, where: str) -> Sequence[str]:
    """Clock times in UTC, one cron for each minute of the hour that occurs: the same every day, if the interval divides one."""
    if rate.start_time is None:
        raise InvalidRequest(
            f"{where}: FixedRate({rate.interval_minutes}) counts from activation, and Dagster's schedules know clock times only; "
            "give it a start_time, or use a cron"
        )
    start = rate.start_time.astimezone(UTC)
    if start.second:
        raise InvalidRequest(
            f"{where}: start_time {start.isoformat()} is no whole minute, which is as fine as cron goes"
        )
    if _DAY % rate.interval_minutes:
        near = min(
            (step for step in range(1, _DAY + 1) if _DAY % step == 0),
            key=lambda step: abs(step - rate.interval_minutes),
        )
        raise InvalidRequest(
            f"{where}: every {rate.interval_minutes} minutes is at other clock times each day, which cron cannot say; take "
            f"{near} minutes, or run the trigger with 'flyte-bridge scheduler run', Airflow or Flyte itself"
        )
    hours: dict[int, list[int]] = {}
    first = (start.hour * 60 + start.minute) % rate.interval_minutes
    for minute in range(first, _DAY, rate.interval_minutes):
        hours.setdefault(minute % 60, []).append(minute // 60)
    alike: dict[tuple[int, ...], list[int]] = {}
    for minute, at in hours.items():
        alike.setdefault(tuple(at), []).append(minute)
    return [
        f"{','.join(map(str, minutes))} {'*' if len(at) == 24 else ','.join(map(str, at))} * * *"  # noqa: PLR2004
        for at, minutes in sorted(alike.items())
    ]
