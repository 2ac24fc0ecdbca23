"""A task that is run by itself: FlyteAdmin makes a workflow and a launch plan for it, once.

After flyteadmin ``pkg/manager/impl/util/single_task_execution.go``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import common_pb2, launch_plan_pb2, workflow_pb2
from flyteidl.core import identifier_pb2
from flyteidl.core import workflow_pb2 as core_workflow_pb2

from ..compiler.closure import compile_closure
from ..model.ids import GENERATED, single_task_node
from ..model.times import now
from ..validation.inputs import expected_inputs

if TYPE_CHECKING:
    from .context import Admin

__all__ = ["plan_of_task", "workflow_of_task"]

_DEFAULT_RETRIES = 3  # defaultRetryStrategy there


def workflow_of_task(task_id: Any) -> Any:
    """The identifier of the workflow that is made for a task."""
    return _renamed(task_id, identifier_pb2.WORKFLOW)


def plan_of_task(admin: Admin, task_id: Any, spec: Any) -> Any:
    """The launch plan that is made for a task, with its workflow, when it is first run by itself.

    Its ``workflow_id`` has the name of the task, not of the workflow: flyteadmin's own slip, which clients see.

    Raises:
        Rejected: NOT_FOUND, there is no such task.
    """
    task = admin.entities.get(task_id)
    plan_id = _renamed(task_id, identifier_pb2.LAUNCH_PLAN)
    with admin.database.transaction():
        found = admin.entities.find(plan_id)
        if found is not None:
            return found
        workflow = _workflow(task, admin)
        row = admin.entities.add(workflow, workflow.closure.compiled_workflow.SerializeToString(deterministic=True))
        interface = task.closure.compiled_task.template.interface
        plan = launch_plan_pb2.LaunchPlan(id=plan_id)
        plan.spec.workflow_id.CopyFrom(task_id)
        plan.spec.workflow_id.resource_type = identifier_pb2.WORKFLOW
        for name in ("entity_metadata", "fixed_inputs", "labels", "annotations"):
            getattr(plan.spec, name).SetInParent()
        for name in ("auth_role", "security_context"):
            if spec.HasField(name):
                getattr(plan.spec, name).CopyFrom(getattr(spec, name))
        plan.spec.default_inputs.CopyFrom(expected_inputs(interface, plan.spec))
        plan.closure.expected_inputs.CopyFrom(plan.spec.default_inputs)
        plan.closure.expected_outputs.CopyFrom(interface.outputs)
        plan.closure.created_at.CopyFrom(now())
        plan.closure.updated_at.CopyFrom(plan.closure.created_at)
        admin.entities.add(plan, plan.spec.SerializeToString(deterministic=True), workflow_row=row)
        for generated in (workflow.id, plan_id):
            admin.names.update(generated.resource_type, generated, "", common_pb2.SYSTEM_GENERATED)
    return plan


def _renamed(task_id: Any, kind: int) -> Any:
    identifier = identifier_pb2.Identifier()
    identifier.CopyFrom(task_id)
    identifier.resource_type = kind
    identifier.name = f"{GENERATED}{task_id.name}"
    return identifier


def _workflow(task: Any, admin: Admin) -> Any:
    task_template = task.closure.compiled_task.template
    template = core_workflow_pb2.WorkflowTemplate(interface=task_template.interface)
    template.id.CopyFrom(_renamed(task.id, identifier_pb2.WORKFLOW))
    node = template.nodes.add(id=single_task_node(task.id.name))
    node.metadata.name = node.id
    if task_template.metadata.HasField("retries"):
        node.metadata.retries.CopyFrom(task_template.metadata.retries)
    else:
        node.metadata.retries.retries = _DEFAULT_RETRIES
    node.task_node.reference_id.CopyFrom(task.id)
    node.task_node.reference_id.resource_type = identifier_pb2.TASK
    for name in sorted(task_template.interface.inputs.variables):
        node.inputs.add(var=name).binding.promise.var = name
    for name in sorted(task_template.interface.outputs.variables):
        promise = template.outputs.add(var=name).binding.promise
        promise.node_id, promise.var = node.id, name
    workflow = workflow_pb2.Workflow(id=template.id)
    workflow.closure.compiled_workflow.CopyFrom(compile_closure(template, [], find=admin.entities.get))
    workflow.closure.created_at.CopyFrom(now())
    return workflow
