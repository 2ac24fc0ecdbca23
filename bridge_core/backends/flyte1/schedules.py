"""Schedules on Flyte 1, of triggers and of launch plans: what its scheduler cannot do is refused, and the rest is written.

FlyteAdmin ignores some of what it cannot do instead of refusing it: a kickoff input on a fixed rate
(scheduler/executor/executor_impl.go:39-41 fills it for cron schedules only), a fixed rate with a start (``FixedRate`` has no
such field).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flyteidl.admin import schedule_pb2
from flyteidl.core import types_pb2

from ...model.errors import InvalidRequest, Unsupported
from ...schedules import Cron, FixedRate

if TYPE_CHECKING:
    from ...model.ids import EntityRef

__all__ = ["MINUTES", "check_schedule", "set_schedule"]

_UNITS = ((1440, schedule_pb2.DAY), (60, schedule_pb2.HOUR), (1, schedule_pb2.MINUTE))
MINUTES = {unit: minutes for minutes, unit in _UNITS}


def check_schedule(
    where: str,
    when: Cron | FixedRate | None,
    kickoff: Sequence[str],
    *,
    entity: EntityRef,
    parameters: Mapping[str, Any],
    fixed: Collection[str] = (),
) -> None:
    """Refuses what Flyte 1 cannot fire.

    Args:
        where: Whose schedule it is, for messages.
        when: None: it fires never.
        kickoff: Names of the inputs that get the tick.
        entity: What is launched.
        parameters: Its inputs, name -> ``Parameter``.
        fixed: Names of inputs that are fixed.

    Raises:
        Unsupported: By name, with the reason and the way out.
        InvalidRequest: A kickoff input does not exist, is fixed, or is no datetime.
    """
    if when is not None and not isinstance(when, Cron):
        if kickoff:
            raise Unsupported(
                f"{where}: input {kickoff[0]!r} is TriggerTime, and Flyte 1 fills it for cron schedules only: the "
                f"server would leave it empty. Use Cron('@every {when.interval_minutes}m') instead, which fires alike; or "
                "run the trigger with 'flyte-bridge scheduler run', Airflow or Dagster"
            )
        if when.start_time is not None:
            raise Unsupported(
                f"{where}: start_time {when.start_time.isoformat()} cannot be told to Flyte 1, whose fixed rates count from "
                "activation; use Cron, leave it out, or run the trigger with 'flyte-bridge scheduler run'"
            )
    if len(kickoff) > 1:
        raise Unsupported(
            f"{where}: {len(kickoff)} inputs are TriggerTime ({', '.join(kickoff)}); Flyte 1 fills one: bind one of them"
        )
    for name in kickoff:
        if name in fixed or name not in parameters:
            known = ", ".join(sorted(parameters)) or "none"
            raise InvalidRequest(f"{where}: input {name!r} is TriggerTime, but {entity} takes {known}")
        if parameters[name].var.type.simple != types_pb2.DATETIME:
            raise InvalidRequest(f"{where}: input {name!r} is TriggerTime, but not a datetime in {entity}")


def set_schedule(schedule: Any, when: Cron | FixedRate | None, kickoff: Sequence[str]) -> None:
    """Writes it.

    Args:
        schedule: ``Schedule`` of a launch plan, empty.
        when: Checked.
        kickoff: Checked.
    """
    if isinstance(when, Cron):
        schedule.cron_schedule.schedule = when.server_expression
    elif when is not None:
        minutes, unit = next(pair for pair in _UNITS if when.interval_minutes % pair[0] == 0)
        schedule.rate.value, schedule.rate.unit = when.interval_minutes // minutes, unit
    for name in kickoff:
        schedule.kickoff_time_input_arg = name
