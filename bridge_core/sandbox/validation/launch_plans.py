"""What FlyteAdmin checks of a launch plan when it is registered (flyteadmin validation/launch_plan_validator.go)."""

from __future__ import annotations

from typing import Any

from ..model.go_text import go_text
from ..model.status import Rejected
from .inputs import check_literals, check_parameters, expected_inputs
from .requests import check_labels, check_notifications
from .schedules import check_schedule

__all__ = ["complete_launch_plan"]


def complete_launch_plan(plan: Any, interface: Any) -> None:
    """Checks a launch plan against its workflow, and adds the inputs that it leaves open.

    Args:
    plan: The launch plan; its spec and closure are completed in place.
    interface: The workflow's.

    Raises:
    Rejected: It breaks a rule.
    """
    check_labels(plan.spec.labels)
    check_literals(plan.spec.fixed_inputs, "fixed_inputs")
    check_parameters(plan.spec.default_inputs, "default_inputs")
    plan.closure.expected_inputs.CopyFrom(expected_inputs(interface, plan.spec))
    plan.closure.expected_outputs.CopyFrom(interface.outputs)
    check_schedule(plan)
    plan.spec.default_inputs.CopyFrom(plan.closure.expected_inputs)
    metadata = plan.spec.entity_metadata
    check_notifications(metadata.notifications)
    if metadata.HasField("launch_conditions"):
        text = f"Launch condition must be empty, found {go_text(metadata.launch_conditions)}"
        raise Rejected("INVALID_ARGUMENT", text)
