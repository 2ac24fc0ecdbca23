"""Launch plan nodes: an execution of its own, started and waited for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from flyteidl.admin import execution_pb2
from flyteidl.core import execution_pb2 as core_execution_pb2
from flyteidl.core import identifier_pb2, literals_pb2

from ..model.ids import child_execution_name
from ..model.outcome import Cancelled, Done, Failure, Outcome
from ..model.status import Rejected
from .node import NodeRun

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LaunchPlanNode", "abort_child", "launch_child"]


class LaunchPlanNode(NodeRun):
    """Starts another execution and waits for it."""

    counted = True
    stopped_in_time = False
    _child: Any = None

    def begin(self) -> None:
        """Launches the child."""
        plan = self.node.workflow_node.launchplan_ref
        self._child = launch_child(self, plan, self.inputs, self.unique_id, self.end, attempt=self.attempts_failed)
        self.record.message.closure.workflow_node_metadata.executionId.CopyFrom(self._child)
        self.record.save()

    def stop(self) -> None:
        """Aborts the child; its end ends this node."""
        if self._child is None:
            self.end(Cancelled(self.reason))
        else:
            abort_child(self, self._child)


def abort_child(owner: NodeRun, child: Any) -> None:
    """Aborts the execution of a launch plan node, with the reason why the node is stopped."""
    text = f"cascading abort as parent execution id [{owner.run.id.name}] aborted, reason [{owner.reason}]"
    owner.run.context.children.abort(child, text)


def launch_child(
    owner: NodeRun, plan: Any, inputs: Any, unique_id: str, on_end: Callable[[Outcome], None], *, attempt: int = 0
) -> Any:
    """Launches the execution of a launch plan node; a child of that name that already runs is waited for.

    Returns:
        The child's identifier.
    """
    run = owner.run
    child = identifier_pb2.WorkflowExecutionIdentifier(project=run.id.project, domain=run.id.domain)
    child.name = child_execution_name(run.id.name, unique_id, attempt)
    spec = execution_pb2.ExecutionSpec(launch_plan=plan, overwrite_cache=run.spec.overwrite_cache)
    spec.launch_plan.resource_type = identifier_pb2.LAUNCH_PLAN
    spec.metadata.mode = execution_pb2.ExecutionMetadata.CHILD_WORKFLOW
    spec.metadata.nesting = run.spec.metadata.nesting + 1
    spec.metadata.principal = run.spec.metadata.principal
    spec.metadata.parent_node_execution.node_id = owner.unique_id  # of an array item too: it has no node of its own
    spec.metadata.parent_node_execution.execution_id.CopyFrom(run.id)
    spec.max_parallelism = run.spec.max_parallelism
    for name in ("envs", "annotations", "security_context", "raw_output_data_config"):
        if run.spec.HasField(name):
            getattr(spec, name).CopyFrom(getattr(run.spec, name))
    own = {"domain": run.id.domain, "execution-id": run.id.name, "project": run.id.project}
    workflow = re.sub("[^a-z0-9]", "-", run.workflow.id.name.lower())
    spec.labels.values.update({**run.spec.labels.values, **own, "workflow-name": workflow[:63].strip("-")})
    if run.spec.HasField("interruptible"):
        spec.interruptible.CopyFrom(run.spec.interruptible)

    def ended() -> None:
        phase = run.context.executions.get(child).closure
        if phase.phase == core_execution_pb2.WorkflowExecution.SUCCEEDED:
            outputs = run.context.executions.data(child)[1]
            on_end(Done(outputs if outputs is not None else literals_pb2.LiteralMap()))
        elif owner.cancelled:
            on_end(Cancelled(owner.reason))
        else:
            error = phase.error
            aborted = (
                f"failed at Node[{owner.node.id}]. RemoteChildWorkflowExecutionFailed: launchplan [{child.name}] aborted, "
                "caused by: launchplan execution aborted"
            )
            failed = phase.phase == core_execution_pb2.WorkflowExecution.FAILED
            on_end(
                Failure(error.code, error.message, kind=error.kind)
                if failed
                else Failure("RemoteChildWorkflowExecutionFailed", aborted)
            )

    run.context.children.watch(child, lambda: run.post(ended))
    if run.resumed and run.context.executions.find(child) is not None:
        return child
    try:
        run.context.children.launcher.create(child, spec, inputs)
    except Rejected as error:
        if error.code != "ALREADY_EXISTS" or run.context.executions.find(child) is None:
            raise Failure(
                "RuntimeExecutionError", f"cannot launch {plan.name!r}: {error.message}", recoverable=False
            ) from None
    return child
