"""Launch plan nodes: an execution of its own, started and waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import execution_pb2
from flyteidl.core import execution_pb2 as core_execution_pb2
from flyteidl.core import identifier_pb2, literals_pb2

from ..model.ids import child_execution_name
from ..model.outcome import CANCELLED, Done, Failure, Outcome
from ..model.status import Rejected
from .node import NodeRun

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LaunchPlanNode", "launch_child"]


class LaunchPlanNode(NodeRun):
    """Starts another execution and waits for it."""

    _child: Any = None

    def begin(self) -> None:
        """Launches the child."""
        self._child = launch_child(self, self.node.workflow_node.launchplan_ref, self.inputs, self.unique_id, self.end)
        self.record.message.closure.workflow_node_metadata.executionId.CopyFrom(self._child)
        self.record.save()

    def stop(self) -> None:
        """Aborts the child; its end ends this node."""
        if self._child is None:
            self.end(CANCELLED)
        else:
            self.run.context.children.abort(self._child, f"parent execution {self.run.key} was stopped")


def launch_child(owner: NodeRun, plan: Any, inputs: Any, unique_id: str, on_end: Callable[[Outcome], None]) -> Any:
    """Launches the execution of a launch plan node; a child of that name that already runs is waited for.

    Returns:
        The child's identifier.
    """
    run = owner.run
    child = identifier_pb2.WorkflowExecutionIdentifier(project=run.id.project, domain=run.id.domain)
    child.name = child_execution_name(run.id.name, unique_id, 0)
    spec = execution_pb2.ExecutionSpec(launch_plan=plan, overwrite_cache=run.spec.overwrite_cache)
    spec.launch_plan.resource_type = identifier_pb2.LAUNCH_PLAN
    spec.metadata.mode = execution_pb2.ExecutionMetadata.CHILD_WORKFLOW
    spec.metadata.nesting = run.spec.metadata.nesting + 1
    spec.metadata.principal = run.spec.metadata.principal
    spec.metadata.parent_node_execution.node_id = owner.unique_id  # of an array item too: it has no node of its own
    spec.metadata.parent_node_execution.execution_id.CopyFrom(run.id)
    spec.envs.CopyFrom(run.spec.envs)
    if run.spec.HasField("interruptible"):
        spec.interruptible.CopyFrom(run.spec.interruptible)

    def ended() -> None:
        phase = run.context.executions.get(child).closure
        if phase.phase == core_execution_pb2.WorkflowExecution.SUCCEEDED:
            outputs = run.context.executions.data(child)[1]
            on_end(Done(outputs if outputs is not None else literals_pb2.LiteralMap()))
        elif owner.cancelled:
            on_end(CANCELLED)
        else:
            error = phase.error
            aborted = f"launchplan [{child.name}] aborted, caused by: {phase.abort_metadata.cause}"
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
