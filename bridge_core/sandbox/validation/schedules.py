"""Schedules of launch plans: when one fires, and which are refused."""

from __future__ import annotations

from typing import Any

from flyteidl.admin import schedule_pb2
from flyteidl.core import types_pb2

from ...model.errors import InvalidRequest
from ...schedules import Cron, FixedRate
from ..model.go_text import go_text
from ..model.status import Rejected
from .robfig import cron_error

__all__ = ["automation_of", "check_schedule", "has_schedule"]

_MINUTES = {
    schedule_pb2.FixedRateUnit.MINUTE: 1,
    schedule_pb2.FixedRateUnit.HOUR: 60,
    schedule_pb2.FixedRateUnit.DAY: 24 * 60,
}


def automation_of(plan: Any) -> Cron | FixedRate | None:
    """When a launch plan fires; None when it never does, or has no schedule that the native scheduler knows."""
    schedule = plan.spec.entity_metadata.schedule
    kind = schedule.WhichOneof("ScheduleExpression")
    try:
        if kind == "cron_schedule":
            return Cron(_without_empty_items(schedule.cron_schedule.schedule))
        if kind == "rate":
            return FixedRate(schedule.rate.value * _MINUTES[schedule.rate.unit])
    except (InvalidRequest, KeyError):  # registered because robfig reads it: see `robfig`
        return None
    return None


def has_schedule(plan: Any) -> bool:
    """Whether activation makes a schedule: one that says nothing is none (``launch_plan_manager.go``: isScheduleEmpty)."""
    schedule = plan.spec.entity_metadata.schedule
    return bool(schedule.cron_schedule.schedule or schedule.cron_expression or schedule.rate.value)


def check_schedule(plan: Any) -> None:
    """Refuses a schedule that FlyteAdmin refuses (``validation/launch_plan_validator.go:74-110``)."""
    schedule = plan.spec.entity_metadata.schedule
    if not (schedule.cron_expression or schedule.HasField("rate") or schedule.HasField("cron_schedule")):
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
            found = go_text(expected[kickoff].var.type)
            text = f"KickoffTimeInputArg must reference a datetime input. [{kickoff}] is a [{found}]"
            raise Rejected("INVALID_ARGUMENT", text)
    expression = schedule.cron_expression or schedule.cron_schedule.schedule
    error = cron_error(expression) if expression else None
    if error is not None:
        raise Rejected("INVALID_ARGUMENT", f"Invalid cron expression: {error}")


def _without_empty_items(expression: str) -> str:
    if expression.startswith("@"):
        return expression
    return " ".join(
        ",".join(item for item in part.split(",") if item) if "=" not in part else part for part in expression.split()
    )
