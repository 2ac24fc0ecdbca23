"""A launch plan for the wire, as flytekit writes it (tools/translator.py ``get_serializable_launch_plan``), checked first.

Pure: the workflow's inputs are given, and the values are encoded already.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flyteidl.admin import launch_plan_pb2
from flyteidl.core import identifier_pb2, interface_pb2

from ..backends.flyte1.schedules import check_schedule, set_schedule
from ..backends.flyte1.spec import notification, set_shared_fields
from ..model.errors import InvalidRequest

if TYPE_CHECKING:
    from ..model.ids import EntityRef
    from .launch_plan import LaunchPlan

__all__ = ["check_launch_plan", "launch_plan_spec"]

_MOST_LABELS = 16  # flyteadmin validation.go, validateLabels


def check_launch_plan(plan: LaunchPlan, workflow: EntityRef, parameters: Mapping[str, Any]) -> None:
    """Refuses what FlyteAdmin refuses (validation/launch_plan_validator.go), and what it would ignore.

    Args:
        plan: The launch plan.
        workflow: What it launches.
        parameters: The workflow's inputs, name -> ``Parameter``, with the defaults that it has itself.

    Raises:
        InvalidRequest: The schedule leaves an input without a value; too many labels.
        Unsupported: A schedule that Flyte 1 cannot fire.
    """
    where = f"launch plan {plan.name!r}"
    if len(plan.labels) > _MOST_LABELS:
        raise InvalidRequest(
            f"{where}: {len(plan.labels)} labels; Flyte 1 takes {_MOST_LABELS}, annotations have no limit"
        )
    check_schedule(
        where, plan.schedule, plan.kickoff_inputs, entity=workflow, parameters=parameters, fixed=tuple(plan.fixed)
    )
    if plan.schedule is None:
        return
    given = {*plan.defaults, *plan.fixed}
    if open_inputs := sorted(name for name, item in parameters.items() if item.required and name not in given):
        raise InvalidRequest(
            f"{where}: its schedule {plan.schedule} would launch {workflow.name} without {', '.join(open_inputs)}, which has no "
            "default; give it in defaults= or fixed="
        )


def launch_plan_spec(plan: LaunchPlan, parameters: Mapping[str, Any], literals: Any) -> launch_plan_pb2.LaunchPlanSpec:
    """Its spec, the workflow's identifier left open.

    Args:
        plan: Checked.
        parameters: As in `check_launch_plan`.
        literals: ``LiteralMap`` of what the plan gives, encoded.
    """
    spec = launch_plan_pb2.LaunchPlanSpec()
    spec.workflow_id.resource_type = identifier_pb2.WORKFLOW
    for name in (
        "default_inputs",
        "fixed_inputs",
        "labels",
        "annotations",
        "raw_output_data_config",
        "entity_metadata",
    ):
        getattr(spec, name).SetInParent()
    for name, item in parameters.items():
        if name in plan.fixed:
            spec.fixed_inputs.literals[name].CopyFrom(literals.literals[name])
            continue
        target = spec.default_inputs.parameters[name]
        if name in plan.defaults and name not in plan.kickoff_inputs:
            # Flytekit describes an input whose default a launch plan sets by its name (core/launch_plan.py).
            variable = interface_pb2.Variable(type=item.var.type, description=name)
            target.CopyFrom(interface_pb2.Parameter(var=variable, default=literals.literals[name]))
        else:
            target.CopyFrom(item)
    spec.labels.values.update(plan.labels)
    spec.annotations.values.update(plan.annotations)
    spec.entity_metadata.notifications.extend(notification(item) for item in plan.notifications)
    if plan.schedule is not None:
        set_schedule(spec.entity_metadata.schedule, plan.schedule, plan.kickoff_inputs)
    if plan.concurrency is not None:
        spec.concurrency_policy.max = plan.concurrency
        spec.concurrency_policy.behavior = launch_plan_pb2.CONCURRENCY_LIMIT_BEHAVIOR_SKIP
    set_shared_fields(spec, plan.options)
    return spec
