"""Creating an execution: the checks, in FlyteAdmin's order and with its traps, and what is stored of it.

Used by CreateExecution, by schedules and by launch plan nodes. Order of flyteadmin ``manager/impl/execution_manager.go``:
validate, write the inputs, concurrency policy, hand the run to Kubernetes, store its labels, store the run. The inputs are
written before anybody knows whether the name is free, and the labels before the run: what goes wrong in between leaves them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import execution_pb2, launch_plan_pb2
from flyteidl.core import execution_pb2 as core_execution_pb2
from flyteidl.core import identifier_pb2

from ..model.ids import check_execution_name, generated_name, kind_name
from ..model.status import Rejected
from ..model.times import now
from ..validation.inputs import check_literals, execution_inputs
from ..validation.requests import check_labels, check_notifications, fields_checked, require
from .kubernetes import refusal
from .settings import engine_spec, settings_of
from .single_task import plan_of_task, workflow_of_task

if TYPE_CHECKING:
    from collections.abc import Callable

    from .context import Admin

__all__ = ["Creation"]

_LAUNCHED = (identifier_pb2.LAUNCH_PLAN, identifier_pb2.TASK)


class Creation:
    """Creates executions and has them started.

    Args:
        admin: Where they are stored.
        start: Begins a run that is in the store: the execution with the engine's specification, its inputs, its workflow.
    """

    def __init__(self, admin: Admin, start: Callable[[Any, Any, Any], None]) -> None:
        self._admin = admin
        self._start = start

    def create(self, identifier: Any, spec: Any, user_inputs: Any) -> None:
        """Creates and starts an execution with a name.

        Args:
            identifier: Its name; legal or refused.
            spec: ExecutionSpec as it was asked for.
            user_inputs: LiteralMap as it was asked for.

        Raises:
            Rejected: For any of FlyteAdmin's reasons.
        """
        self.launch(
            execution_pb2.ExecutionCreateRequest(
                project=identifier.project,
                domain=identifier.domain,
                name=identifier.name,
                spec=spec,
                inputs=user_inputs,
            )
        )

    def launch(self, request: Any, *, source_row: int = 0) -> Any:
        """Creates and starts what is asked for.

        Args:
            request: ExecutionCreateRequest.
            source_row: Row of the execution that it repeats.

        Returns:
            WorkflowExecutionIdentifier.

        Raises:
            Rejected: For any of FlyteAdmin's reasons.
        """
        self._check(request)
        identifier = identifier_pb2.WorkflowExecutionIdentifier(project=request.project, domain=request.domain)
        identifier.name = request.name or generated_name()
        of_task = request.spec.launch_plan.resource_type == identifier_pb2.TASK
        plan = self._plan(request, of_task=of_task)
        inputs = execution_inputs(request.inputs, plan)
        workflow_id = workflow_of_task(request.spec.launch_plan) if of_task else plan.spec.workflow_id
        workflow = self._admin.entities.get(workflow_id)
        if of_task:
            self._admin.offloaded.check_closure(workflow_id)
        self._write_inputs(identifier, inputs, request.inputs)

        execution = execution_pb2.Execution(id=identifier, spec=request.spec)
        execution.spec.metadata.SetInParent()
        execution.spec.metadata.principal = ""  # the authenticated user; nobody is, here
        parent_row, inherited_row = self._inherit(execution.spec)
        config = settings_of(self._admin, request, None if of_task else plan)
        merged = execution_pb2.Execution(
            id=identifier, spec=engine_spec(self._admin, request, plan, config), closure=execution.closure
        )
        merged.spec.metadata.CopyFrom(execution.spec.metadata)
        execution.spec.metadata.system_metadata.namespace = f"{request.project}-{request.domain}"
        execution.spec.security_context.CopyFrom(config.security_context)
        if not of_task:
            execution.spec.max_parallelism = config.max_parallelism
            self._check_concurrency(plan)
        self._fill_closure(execution, workflow_id, plan)
        why = refusal(self._admin.faults.outages, execution)
        if why:
            self._fail(execution, f"failed to create workflow in propeller {why}", of_task=of_task)
        rows = (plan.id, workflow_id, request.spec.launch_plan if of_task else None)
        self._store(execution, merged.spec, rows, source_row or inherited_row, parent_row)
        if not why:
            merged.closure.CopyFrom(execution.closure)
            self._start(merged, inputs, workflow.closure.compiled_workflow)
        return identifier

    def _check(self, request: Any) -> None:
        """Flyteadmin ``execution_validator.go``: ValidateExecutionRequest."""
        require(request, "project", "domain")
        if request.name:
            check_execution_name(request.name)
        self._admin.projects.check(request.project, request.domain)
        if not request.HasField("spec"):
            raise Rejected("INVALID_ARGUMENT", "missing spec")
        target = fields_checked(request.spec, "launch_plan")
        if target.resource_type not in _LAUNCHED:
            kind = kind_name(target.resource_type)
            text = f"Invalid reference entity resource type [{kind}], only [map[TASK:<nil> LAUNCH_PLAN:<nil>]] allowed"
            raise Rejected("INVALID_ARGUMENT", text)
        check_literals(request.inputs, "inputs")
        check_notifications(request.spec.notifications.notifications)
        check_labels(request.spec.labels)

    def _plan(self, request: Any, *, of_task: bool) -> Any:
        target = identifier_pb2.Identifier()
        target.CopyFrom(request.spec.launch_plan)
        return plan_of_task(self._admin, target, request.spec) if of_task else self._admin.entities.get(target)

    def _write_inputs(self, identifier: Any, inputs: Any, user_inputs: Any) -> None:
        keys = (identifier.project, identifier.domain, identifier.name)
        self._admin.offloaded.check_writing(inputs, *keys, "inputs")
        self._admin.executions.write_inputs(identifier, inputs, user_inputs)

    def _inherit(self, spec: Any) -> tuple[int, int]:
        """Rows of the node that launches it and of that node's execution, whose user, depth and cluster it has."""
        if not spec.metadata.HasField("parent_node_execution"):
            return 0, 0
        parent = spec.metadata.parent_node_execution
        parent_row = int(self._admin.nodes.row(parent)["id"])
        row = self._admin.executions.row(parent.execution_id)
        source = self._admin.executions.get(parent.execution_id)
        spec.metadata.principal = row["user"]
        spec.metadata.nesting = source.spec.metadata.nesting + 1
        if source.spec.HasField("execution_cluster_label"):
            spec.execution_cluster_label.CopyFrom(source.spec.execution_cluster_label)
        return parent_row, int(row["id"])

    def _check_concurrency(self, plan: Any) -> None:
        """SKIP answers ALREADY_EXISTS (execution_manager.go:1182), told from a name clash only by its text."""
        fields = plan.spec.DESCRIPTOR.fields_by_name  # older protocols know no policy
        if "concurrency_policy" not in fields or not plan.spec.HasField("concurrency_policy"):
            return
        policy = plan.spec.concurrency_policy
        if self._admin.executions.going_of_launch_plan(plan.id) < policy.max:
            return
        if policy.behavior == launch_plan_pb2.CONCURRENCY_LIMIT_BEHAVIOR_SKIP:
            text = f"concurrency limit ({policy.max}) reached for launch plan {plan.id.name}; skipping execution"
            raise Rejected("ALREADY_EXISTS", text)
        if policy.behavior != launch_plan_pb2.CONCURRENCY_LIMIT_BEHAVIOR_UNSPECIFIED:
            raise Rejected("UNKNOWN", f"unsupported concurrency-limit behavior: {policy.behavior}")

    @staticmethod
    def _fill_closure(execution: Any, workflow_id: Any, plan: Any) -> None:
        closure, spec = execution.closure, execution.spec
        closure.created_at.CopyFrom(now())
        closure.updated_at.CopyFrom(closure.created_at)
        closure.workflow_id.CopyFrom(workflow_id)
        closure.state_change_details.occurred_at.CopyFrom(closure.created_at)
        if spec.notifications.notifications:
            closure.notifications.extend(spec.notifications.notifications)
        elif not spec.disable_all:
            closure.notifications.extend(plan.spec.entity_metadata.notifications)

    @staticmethod
    def _fail(execution: Any, why: str, *, of_task: bool) -> None:
        """Kubernetes does not take it: a launch plan's run is FAILED from the start, a single task's is none."""
        if of_task:
            raise Rejected("INTERNAL", why)
        execution.closure.phase = core_execution_pb2.WorkflowExecution.FAILED
        error = execution.closure.error
        error.code, error.message, error.kind = "Internal", why, core_execution_pb2.ExecutionError.SYSTEM

    def _store(
        self, execution: Any, merged: Any, rows: tuple[Any, Any, Any | None], source_row: int, parent_row: int
    ) -> None:
        plan_id, workflow_id, task_id = rows
        if task_id is None:
            self._admin.executions.add_tags(execution.id, execution.spec)  # single tasks lose them here
        self._admin.faults.between_inserts(execution.id.name)
        self._admin.executions.add(
            execution,
            merged=merged,
            launch_plan_row=None if task_id is not None else self._row(plan_id),
            workflow_row=self._row(workflow_id),
            task_row=None if task_id is None else self._row(task_id),
            source_row=source_row,
            parent_row=parent_row,
        )

    def _row(self, identifier: Any) -> int | None:
        row = self._admin.entities.row(identifier)
        return None if row is None else int(row["id"])
