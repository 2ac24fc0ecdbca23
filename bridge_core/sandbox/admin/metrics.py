"""Where the time of a run went: spans of the run, its nodes and attempts, and what lies between them.

After flyteadmin ``pkg/manager/impl/metrics_manager.go``. All times are those of the records: what a span of a node has in it
are the operations before, between and after what is below it. Nothing is asked below ``depth``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.core import identifier_pb2, metrics_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from ..compiler.shape import branch_arms
from ..model.go_text import go_text
from ..model.ids import END_NODE, START_NODE
from ..model.status import Rejected

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .context import Admin

__all__ = ["span_of_run"]


def span_of_run(admin: Admin, execution: Any, depth: int) -> Any:
    """The span of a run.

    Raises:
        Rejected: UNKNOWN or NOT_FOUND, when records and workflow do not fit, as FlyteAdmin answers.
    """
    return _Spans(admin).of_run(execution, depth)


class _Spans:
    def __init__(self, admin: Admin) -> None:
        self._admin = admin

    def of_run(self, execution: Any, depth: int) -> Any:
        closure = execution.closure
        span = metrics_pb2.Span(start_time=closure.created_at, end_time=closure.updated_at, workflow_id=execution.id)
        if depth == 0:
            return span
        workflow = self._workflow(closure.workflow_id)
        nodes = self._nodes_below(execution.id, "")
        start = nodes.get(START_NODE)
        if start is None:
            _operation(span, closure.created_at, closure.updated_at, "WORKFLOW_SETUP")
            return span
        _operation(span, closure.created_at, start.closure.updated_at, "WORKFLOW_SETUP")
        self._add_nodes(span, nodes, workflow, depth - 1)
        self._teardown(span, nodes, workflow, closure.updated_at, "WORKFLOW_TEARDOWN")
        return span

    def _workflow(self, identifier: Any) -> Any:
        workflow = identifier_pb2.Identifier()
        workflow.CopyFrom(identifier)
        workflow.resource_type = identifier_pb2.WORKFLOW
        found = self._admin.entities.get(workflow)
        self._admin.offloaded.check_closure(workflow)
        return found.closure.compiled_workflow

    def _nodes_below(self, run: Any, parent: str) -> dict[str, Any]:
        """By their ids in the workflow; of several with one id, the last."""
        tree = self._admin.nodes.tree_of(run)
        return {node.metadata.spec_node_id: node for above, node in tree if above == parent}

    def _add_nodes(self, span: Any, nodes: dict[str, Any], workflow: Any, depth: int) -> None:
        specs = {spec.id: spec for spec in workflow.primary.template.nodes}
        for node in sorted(nodes.values(), key=lambda one: one.closure.created_at.ToNanoseconds()):
            name = node.metadata.spec_node_id
            if name in (START_NODE, END_NODE):
                continue
            if name not in specs:
                text = (
                    f"failed to discover workflow node '{name}' in workflow '{go_text(workflow.primary.template.id)}'"
                )
                raise Rejected("UNKNOWN", text)
            below = span.spans.add()
            above = _latest_upstream(name, workflow, nodes)
            if above is not None:
                _operation(below, above.closure.updated_at, node.closure.created_at, "NODE_TRANSITION")
            self._fill_node(below, node, specs[name], depth)

    def _fill_node(self, span: Any, node: Any, spec: Any, depth: int) -> None:
        closure = node.closure
        span.start_time.CopyFrom(closure.created_at)
        span.end_time.CopyFrom(closure.updated_at)
        span.node_id.CopyFrom(node.id)
        if depth == 0:
            return
        target = spec.WhichOneof("target")
        if target == "branch_node":
            self._branch(span, node, spec.branch_node, depth - 1)
        elif target == "gate_node":
            _started(span, closure, ("NODE_SETUP", "NODE_IDLE", "NODE_TEARDOWN"), always=True)
        elif target == "task_node":
            self._task(span, node, depth - 1)
        elif target == "workflow_node" and spec.workflow_node.WhichOneof("reference") == "launchplan_ref":
            self._launch_plan(span, node, depth - 1)
        elif target == "workflow_node":
            self._sub_workflow(span, node, spec.workflow_node.sub_workflow_ref, depth - 1)

    def _branch(self, span: Any, node: Any, branch: Any, depth: int) -> None:
        below = self._nodes_below(node.id.execution_id, node.id.node_id)
        if not below:
            _operation(span, node.closure.created_at, node.closure.updated_at, "NODE_SETUP")
            return
        if len(below) > 1:
            text = f"invalid branch node execution: expected 1 but found {len(below)} node execution(s)"
            raise Rejected("UNKNOWN", text)
        (taken,) = below.values()
        name = taken.metadata.spec_node_id
        spec = next((arm for arm in branch_arms(branch) if arm.id == name), None)
        if spec is None:
            raise Rejected("UNKNOWN", f"failed to identify branch node final node definition for nodeID '{name}'")
        _operation(span, node.closure.created_at, taken.closure.created_at, "NODE_SETUP")
        self._fill_node(span.spans.add(), taken, spec, depth)
        _after(span, taken.closure.updated_at, node.closure.updated_at, "NODE_TEARDOWN")

    def _task(self, span: Any, node: Any, depth: int) -> None:
        tasks = sorted(self._admin.nodes.attempts_of(node.id), key=lambda one: one.closure.created_at.ToNanoseconds())
        if not tasks:
            _operation(span, node.closure.created_at, node.closure.updated_at, "NODE_SETUP")
            return
        _operation(span, node.closure.created_at, tasks[0].closure.created_at, "NODE_SETUP")
        for before, task in zip([None, *tasks], tasks, strict=False):
            if before is not None:
                _operation(span, before.closure.updated_at, task.closure.created_at, "NODE_RESET")
            if depth != 0:
                _fill_task(span.spans.add(), task)
        last = tasks[-1].closure.updated_at
        if not node.metadata.is_parent_node:
            _after(span, last, node.closure.updated_at, "NODE_TEARDOWN")
            return
        below = self._nodes_below(node.id.execution_id, node.id.node_id)
        if not below:
            _after(span, last, node.closure.updated_at, "NODE_RESET")
            return
        start = below.get(START_NODE)
        _operation(span, last, Timestamp() if start is None else start.closure.updated_at, "NODE_RESET")
        workflow = self._admin.nodes.data(node.id)[2]
        if workflow is not None:
            self._add_nodes(span, below, workflow, depth)
            self._teardown(span, below, workflow, node.closure.updated_at, "NODE_TEARDOWN")

    def _launch_plan(self, span: Any, node: Any, depth: int) -> None:
        if not node.closure.HasField("workflow_node_metadata"):
            _operation(span, node.closure.created_at, node.closure.updated_at, "NODE_SETUP")
            return
        child = self._admin.executions.get(node.closure.workflow_node_metadata.executionId)
        _operation(span, node.closure.created_at, child.closure.created_at, "NODE_SETUP")
        span.spans.add().CopyFrom(self.of_run(child, depth))
        _after(span, child.closure.updated_at, node.closure.updated_at, "NODE_TEARDOWN")

    def _sub_workflow(self, span: Any, node: Any, identifier: Any, depth: int) -> None:
        below = self._nodes_below(node.id.execution_id, node.id.node_id)
        start = below.get(START_NODE)
        if start is None:
            _operation(span, node.closure.created_at, node.closure.updated_at, "NODE_SETUP")
            return
        _operation(span, node.closure.created_at, start.closure.updated_at, "NODE_SETUP")
        workflow = self._workflow(identifier)
        self._add_nodes(span, below, workflow, depth)
        self._teardown(span, below, workflow, node.closure.updated_at, "NODE_TEARDOWN")

    @staticmethod
    def _teardown(span: Any, nodes: dict[str, Any], workflow: Any, end: Any, operation: str) -> None:
        last = _latest_upstream(END_NODE, workflow, nodes)
        if last is not None:
            _after(span, last.closure.updated_at, end, operation)


def _latest_upstream(name: str, workflow: Any, nodes: dict[str, Any]) -> Any | None:
    upstream: Iterable[str] = (
        workflow.primary.connections.upstream[name].ids if name in workflow.primary.connections.upstream else ()
    )
    found = [nodes[above] for above in upstream if above in nodes]
    return max(found, key=lambda one: one.closure.updated_at.ToNanoseconds(), default=None)


def _fill_task(span: Any, task: Any) -> None:
    span.start_time.CopyFrom(task.closure.created_at)
    span.end_time.CopyFrom(task.closure.updated_at)
    span.task_id.CopyFrom(task.id)
    _started(span, task.closure, ("TASK_SETUP", "TASK_RUNTIME", "TASK_TEARDOWN"), always=False)


def _started(span: Any, closure: Any, operations: tuple[str, str, str], *, always: bool) -> None:
    """Before it started, while it ran, after it ended."""
    setup, runtime, teardown = operations
    if not closure.started_at.ToNanoseconds():
        _operation(span, closure.created_at, closure.updated_at, setup)
        return
    _operation(span, closure.created_at, closure.started_at, setup)
    if not closure.duration.ToNanoseconds():
        _operation(span, closure.started_at, closure.updated_at, runtime)
        return
    end = Timestamp()
    end.FromNanoseconds(closure.started_at.ToNanoseconds() + closure.duration.ToNanoseconds())
    _operation(span, closure.started_at, end, runtime)
    if always:
        _operation(span, end, closure.updated_at, teardown)
    else:
        _after(span, end, closure.updated_at, teardown)


def _after(span: Any, start: Any, end: Any, operation: str) -> None:
    if end.ToNanoseconds() >= start.ToNanoseconds():
        _operation(span, start, end, operation)


def _operation(span: Any, start: Any, end: Any, operation: str) -> None:
    span.spans.add(start_time=start, end_time=end, operation_id=operation)
