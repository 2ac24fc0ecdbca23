"""Creating an execution: the checks, in FlyteAdmin's order and with its traps, and the merged specification.

Used by CreateExecution and by launch plan nodes. Order of flyteadmin ``manager/impl/execution_manager.go:901-1292``:
validate, write the inputs, concurrency policy, create. The write comes before anybody knows whether the name is free.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import execution_pb2, launch_plan_pb2, workflow_pb2
from flyteidl.core import identifier_pb2
from flyteidl.core import workflow_pb2 as core_workflow_pb2

from ..model.ids import GENERATED, check_execution_name, describe, kind_name, single_task_node
from ..model.status import Rejected
from ..model.times import now
from ..validation.compiler import compile_closure
from ..validation.inputs import check_literals, execution_inputs, expected_inputs

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..store.database import Database
    from ..store.entities import Entities
    from ..store.executions import Executions

__all__ = ["Launcher"]

_DEFAULT_TASK_RETRIES = 3  # flyteadmin util/single_task_execution.go: defaultRetryStrategy
_MERGED = (
    "max_parallelism",
    "raw_output_data_config",
    "interruptible",
    "envs",
    "security_context",
    "quality_of_service",
    "cluster_assignment",
    "auth_role",
)


class Launcher:
    """Creates executions and has them started.

    Args:
        database: The store.
        entities: The registry in it.
        executions: The executions in it.
        start: Begins a run that is in the store: the execution, its inputs, its compiled workflow.
    """

    def __init__(
        self,
        database: Database,
        entities: Entities,
        executions: Executions,
        start: Callable[[Any, Any, Any], None],
    ) -> None:
        self._db = database
        self._entities = entities
        self._executions = executions
        self._start = start

    def create(self, identifier: Any, spec: Any, user_inputs: Any) -> None:
        """Creates and starts one execution.

        Args:
            identifier: Its name; legal or refused.
            spec: ExecutionSpec as it was asked for.
            user_inputs: LiteralMap as it was asked for.

        Raises:
            Rejected: For any of FlyteAdmin's reasons.
        """
        check_execution_name(identifier.name)
        self._entities.check_project(identifier.project, identifier.domain)
        target = spec.launch_plan
        if not (target.project and target.domain and target.name and target.version):
            raise Rejected("INVALID_ARGUMENT", f"missing project, domain, name or version of [{describe(target)}]")
        if target.resource_type not in (identifier_pb2.TASK, identifier_pb2.LAUNCH_PLAN):
            kind = kind_name(target.resource_type)
            raise Rejected(
                "INVALID_ARGUMENT", f"Invalid reference entity resource type [{kind}], only LAUNCH_PLAN and TASK"
            )
        check_literals(user_inputs, "inputs")
        execution = execution_pb2.Execution(id=identifier, spec=spec)
        of_task = target.resource_type == identifier_pb2.TASK
        plan = self._plan_of_task(target) if of_task else self._entities.get(target)
        inputs = execution_inputs(user_inputs, plan)
        _merge(execution.spec, plan.spec)

        self._executions.overwrite_inputs(identifier, inputs, user_inputs)
        plan_row = None
        if target.resource_type == identifier_pb2.LAUNCH_PLAN:
            row = self._entities.row(target)
            plan_row = None if row is None else int(row["id"])
        with self._db.transaction():
            if plan_row is not None:
                self._check_concurrency(plan)
            self._insert(execution, plan, inputs, user_inputs, plan_row)
            workflow = self._entities.get(plan.spec.workflow_id)
        self._start(execution, inputs, workflow.closure.compiled_workflow)

    def _insert(self, execution: Any, plan: Any, inputs: Any, user_inputs: Any, plan_row: int | None) -> None:
        closure = execution.closure
        closure.created_at.CopyFrom(now())
        closure.updated_at.CopyFrom(closure.created_at)
        closure.workflow_id.CopyFrom(plan.spec.workflow_id)
        closure.state_change_details.occurred_at.CopyFrom(closure.created_at)
        workflow_row = self._entities.row(plan.spec.workflow_id)
        task_row = None
        if execution.spec.launch_plan.resource_type == identifier_pb2.TASK:
            task_row = self._entities.row(execution.spec.launch_plan)
        self._executions.add(
            execution,
            inputs=inputs,
            user_inputs=user_inputs,
            launch_plan_row=plan_row,
            workflow_row=None if workflow_row is None else int(workflow_row["id"]),
            task_row=None if task_row is None else int(task_row["id"]),
        )

    def _check_concurrency(self, plan: Any) -> None:
        """SKIP answers ALREADY_EXISTS (execution_manager.go:1182), told from a name clash only by its text."""
        if "concurrency_policy" not in plan.spec.DESCRIPTOR.fields_by_name or not plan.spec.HasField(
            "concurrency_policy"
        ):
            return
        policy = plan.spec.concurrency_policy
        if policy.behavior != launch_plan_pb2.CONCURRENCY_LIMIT_BEHAVIOR_SKIP:
            return
        if self._executions.going_of_launch_plan(plan.id) >= policy.max:
            raise Rejected(
                "ALREADY_EXISTS",
                f"concurrency limit ({policy.max}) reached for launch plan {plan.id.name}; skipping execution",
            )

    def _plan_of_task(self, task_id: Any) -> Any:
        """The generated launch plan of a single task, made with its workflow when the task is first run on its own."""
        task = self._entities.get(task_id)
        plan_id = identifier_pb2.Identifier()
        plan_id.CopyFrom(task_id)
        plan_id.name = f"{GENERATED}{task_id.name}"
        plan_id.resource_type = identifier_pb2.LAUNCH_PLAN
        with self._db.transaction():
            found = self._entities.find(plan_id)
            if found is not None:
                return found
            workflow = _workflow_of_task(task, self._entities)
            workflow_row = self._entities.add(workflow, workflow.SerializeToString(deterministic=True))
            plan = launch_plan_pb2.LaunchPlan(id=plan_id)
            plan.spec.workflow_id.CopyFrom(workflow.id)
            interface = task.closure.compiled_task.template.interface
            plan.closure.expected_inputs.CopyFrom(expected_inputs(interface, plan.spec))
            plan.closure.expected_outputs.CopyFrom(interface.outputs)
            plan.closure.created_at.CopyFrom(now())
            plan.closure.updated_at.CopyFrom(plan.closure.created_at)
            self._entities.add(plan, plan.spec.SerializeToString(deterministic=True), workflow_row=workflow_row)
        return plan


def _workflow_of_task(task: Any, entities: Entities) -> Any:
    task_template = task.closure.compiled_task.template
    template = core_workflow_pb2.WorkflowTemplate(interface=task_template.interface)
    template.id.CopyFrom(task.id)
    template.id.resource_type = identifier_pb2.WORKFLOW
    template.id.name = f"{GENERATED}{task.id.name}"
    template.metadata.SetInParent()
    template.metadata_defaults.SetInParent()
    node = template.nodes.add(id=single_task_node(task.id.name))
    node.metadata.name = node.id
    if task_template.metadata.HasField("retries"):
        node.metadata.retries.CopyFrom(task_template.metadata.retries)
    else:
        node.metadata.retries.retries = _DEFAULT_TASK_RETRIES
    node.task_node.reference_id.CopyFrom(task.id)
    node.task_node.reference_id.resource_type = identifier_pb2.TASK
    for name in sorted(task_template.interface.inputs.variables):
        node.inputs.add(var=name).binding.promise.var = name
    for name in sorted(task_template.interface.outputs.variables):
        promise = template.outputs.add(var=name).binding.promise
        promise.node_id, promise.var = node.id, name
    workflow = workflow_pb2.Workflow(id=template.id)
    workflow.closure.compiled_workflow.CopyFrom(compile_closure(template, [], find=entities.find))
    workflow.closure.created_at.CopyFrom(now())
    return workflow


def _merge(spec: Any, plan: Any) -> None:
    """Fills what the request left empty from the launch plan (execution_manager.go:150-163, 328-410).

    Labels and annotations are replaced as whole maps, never merged by key.
    """
    spec.ClearField("inputs")
    spec.metadata.SetInParent()
    for name in ("labels", "annotations"):
        if not getattr(spec, name).values:
            getattr(spec, name).CopyFrom(getattr(plan, name))
    for name in _MERGED:
        if name not in plan.DESCRIPTOR.fields_by_name:
            continue
        ours, theirs = getattr(spec, name), getattr(plan, name)
        if not isinstance(theirs, int):
            if theirs.ByteSize() and not ours.ByteSize() and not (name == "interruptible" and spec.HasField(name)):
                ours.CopyFrom(theirs)
        elif not ours:
            setattr(spec, name, theirs)
    spec.overwrite_cache = spec.overwrite_cache or plan.overwrite_cache
