"""Schedules of launch plans: when one fires, and which are refused."""

from __future__ import annotations

from typing import Any

from flyteidl.admin import schedule_pb2
from flyteidl.core import types_pb2

from ...model.errors import InvalidRequest
from ...schedules import Cron, FixedRate
from ..model.status import Rejected

__all__ = ["automation_of", "check_schedule"]

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
