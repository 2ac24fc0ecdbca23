"""One workflow being executed: the root, a sub-workflow, or what a dynamic task made. Starts nodes when they may start.

Failure policies, failure nodes and cancelling follow flytepropeller ``pkg/controller/workflow/executor.go`` and
``nodes/executor.go``: FAIL_IMMEDIATELY aborts the siblings of a failed node, FAIL_AFTER_EXECUTABLE_NODES_COMPLETE lets
everything run that does not depend on it, and skips what does; the failure node runs once, and the workflow has failed all the
same. The policy is that of the run's own workflow, inside of others too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.core import execution_pb2, literals_pb2, workflow_pb2

from ..compiler.shape import dependencies
from ..model.ids import END_NODE, START_NODE, unique_node_id
from ..model.outcome import Cancelled, Done, Failure, Outcome
from .bindings import resolve_all

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .protocols import RunScope, Startable
    from .recorder import NodeRecord

__all__ = ["Graph"]

_KEEP_GOING = workflow_pb2.WorkflowMetadata.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE
_SYSTEM = execution_pb2.ExecutionError.SYSTEM
_ROOT_FAILED = "Some node execution failed, auto-abort."
_INNER_FAILED = "subworkflow failed"


class Graph:
    """A compiled template with its inputs.

    Args:
        run: The execution it belongs to.
        template: Compiled template (with or without start and end nodes).
        inputs: LiteralMap of the workflow's inputs.
        on_end: Called once, on the loop.
        on_failing: Called with the failure when a node failed while others still run or a failure node is to come.
        parent: Unique id of the node this graph is inside of, None at the top.
        attempt: Attempt of that node, part of the ids below it.
        within: The directory that holds those of its nodes; None at the top.
        generated: Whether a task made it: then its start node does not say what it began with.
    """

    def __init__(
        self,
        run: RunScope,
        template: Any,
        inputs: Any,
        *,
        on_end: Callable[[Outcome], None],
        on_failing: Callable[[Failure], None] | None = None,
        parent: str | None = None,
        attempt: int = 0,
        within: Path | None = None,
        generated: bool = False,
    ) -> None:
        self.run = run
        self.template = template
        self.parent = parent
        self.attempt = attempt
        self.within = within
        self._generated = generated
        self.outputs: dict[str, Any] = {START_NODE: inputs}
        self._on_end = on_end
        self._on_failing = on_failing
        self._keeps_going = run.workflow.metadata.on_failure == _KEEP_GOING
        nodes = {node.id: node for node in template.nodes if node.id not in (START_NODE, END_NODE)}
        self._nodes = nodes
        self._upstream = {name: dependencies(node) & nodes.keys() - {name} for name, node in nodes.items()}
        self._waiting = {name: set(upstream) for name, upstream in self._upstream.items()}
        self._downstream: dict[str, list[str]] = {}
        for name, upstream in self._waiting.items():
            for above in upstream:
                self._downstream.setdefault(above, []).append(name)
        self._running: dict[str, Startable] = {}
        self._failures: dict[str, Failure] = {}
        self._skipped: set[str] = set()
        self._reason: str | None = None
        self._ended = False

    def start(self) -> None:
        """Starts all nodes without upstreams."""
        self._mark_start()
        for name in self._nodes:  # before a restart: what failed then must stop the others now
            before = self._ended_before(name)
            if isinstance(before, Failure):
                self._node_failed(name, before)
        for name in [name for name, upstream in self._waiting.items() if not upstream]:
            if self._may_start(name):
                self._start(name)
        self._check_end()

    def cancel(self, reason: str) -> None:
        """Stops what runs and starts nothing more; ends Cancelled when the last node has ended."""
        if self._reason is None:
            self._reason = reason
            self._cancel_running(reason)
            self._check_end()

    def leave(self) -> None:
        """Stops nothing and starts nothing more: what runs goes on by itself, its records stay as they are."""
        self._ended = True
        self._waiting.clear()
        for node in self._running.values():
            node.leave()

    def _start(self, name: str) -> None:
        del self._waiting[name]
        node = self.run.factory.node(
            self,
            self._nodes[name],
            parent=self.parent,
            attempt=self.attempt,
            within=self.within,
            on_end=lambda outcome: self._ended_later(name, outcome),
        )
        self._running[name] = node
        node.start()

    def _ended_later(self, name: str, outcome: Outcome) -> None:
        # Through the loop, so that a chain of nodes that end at once does not nest.
        self.run.post(lambda: self._node_ended(name, outcome))

    def _node_ended(self, name: str, outcome: Outcome) -> None:
        self._running.pop(name, None)
        if self._ended:
            return
        if isinstance(outcome, Done):
            self.outputs[name] = outcome.outputs
        elif isinstance(outcome, Failure):
            self._node_failed(name, outcome)
        if not isinstance(outcome, Cancelled):
            self._visit_downstream(name)
        self._check_end()

    def _visit_downstream(self, name: str) -> None:
        """Starts, or skips, what has waited for this node only."""
        for below in self._downstream.get(name, ()):
            if below not in self._waiting:
                continue
            self._waiting[below].discard(name)
            if self._waiting[below]:
                continue
            if any(above in self._failures or above in self._skipped for above in self._upstream[below]):
                if self._keeps_going and self._reason is None:
                    self._skip(below)
            elif self._may_start(below):
                self._start(below)

    def _skip(self, name: str) -> None:
        del self._waiting[name]
        self._skipped.add(name)
        self._record_skipped(self._nodes[name])
        self._visit_downstream(name)

    def _record_skipped(self, node: Any) -> None:
        record = self._new_record(node)
        if record is not None:
            record.skipped()

    def _node_failed(self, name: str, failure: Failure) -> None:
        if not failure.node_id:
            failure.node_id = name
        first = not self._failures
        self._failures[name] = failure
        if first and not self._keeps_going and self._on_failing is not None:
            self._on_failing(failure)
        if not self._keeps_going:
            self._cancel_running(_ROOT_FAILED if self.parent is None else _INNER_FAILED)

    def _may_start(self, name: str) -> bool:
        if self._reason is not None:
            return False
        if not self._failures or self._keeps_going:
            return True
        return self._ended_before(name) is not None

    def _ended_before(self, name: str) -> Outcome | None:
        return self.run.history.outcome(unique_node_id(self.parent, self.attempt, name))

    def _cancel_running(self, reason: str) -> None:
        for node in list(self._running.values()):
            node.cancel(reason)

    def _check_end(self) -> None:
        if self._running or self._ended:
            return
        if self._reason is not None:
            self._end(Cancelled(self._reason))
        elif self._failures:
            self._fail()
        elif not self._waiting:
            self._succeed()

    def _succeed(self) -> None:
        try:
            outputs = resolve_all(self.template.outputs, self.outputs, self.run.context.layout.local, node_id=END_NODE)
        except Failure as failure:
            self._end_node_failed(failure)
            return
        record = self._new_record(workflow_pb2.Node(id=END_NODE))
        if record is not None:
            self.run.context.recorder.marker(record, inputs=outputs)
        self._end(Done(outputs))

    def _end_node_failed(self, failure: Failure) -> None:
        """The outputs cannot be resolved: the failure of a node like any other."""
        failure = Failure("BindingResolutionFailure", failure.message, kind=_SYSTEM, node_id=END_NODE)
        record = self._new_record(workflow_pb2.Node(id=END_NODE))
        if record is not None:
            record.ended(failure, "")
        self._node_failed(END_NODE, failure)
        self._run_failure_node(failure)

    def _fail(self) -> None:
        failure = self._reported_failure()
        if self._keeps_going:
            self._record_skipped(workflow_pb2.Node(id=END_NODE))
            if self._on_failing is not None:
                self._on_failing(failure)
        self._run_failure_node(failure)

    def _reported_failure(self) -> Failure:
        """The failure that the workflow has: the first, or with the other policy the last in the order of the graph."""
        if not self._keeps_going:
            return next(iter(self._failures.values()))

        def visit(name: str) -> Failure | None:
            if name in self._failures:
                return self._failures[name]
            found = [visit(below) for below in self._downstream.get(name, ())]
            return next((one for one in reversed(found) if one is not None), None)

        tops = [visit(name) for name, upstream in self._upstream.items() if not upstream]
        return next(one for one in reversed(tops) if one is not None)

    def _run_failure_node(self, failure: Failure) -> None:
        if not self.template.HasField("failure_node"):
            self._end(failure)
            return
        node = self.template.failure_node

        def ended(outcome: Outcome) -> None:
            # "its failure will mask the original failure for the workflow": subworkflow.go and workflow/executor.go
            last = outcome if isinstance(outcome, Failure) else failure
            self.run.post(lambda: self._failure_node_ended(last))

        runner = self.run.factory.node(
            self,
            node,
            parent=self.parent,
            attempt=self.attempt,
            within=self.within,
            on_end=ended,
            failure=failure,
        )
        self._ended = True  # nothing else may end this graph
        self._running[node.id] = runner
        runner.start()

    def _failure_node_ended(self, failure: Failure) -> None:
        if self._running:
            self._running.clear()
            self._end(Cancelled(self._reason) if self._reason is not None else failure)

    def _end(self, outcome: Outcome) -> None:
        self._ended = True
        self._on_end(outcome)

    def _mark_start(self) -> None:
        record = self._new_record(workflow_pb2.Node(id=START_NODE))
        if record is None:
            return
        layout, inputs = self.run.context.layout, self.outputs[START_NODE]
        path = self._directory(START_NODE) / "0" / "outputs.pb"
        if self._generated:
            inputs = literals_pb2.LiteralMap()
        elif inputs.literals:
            layout.write(path, inputs.SerializeToString(deterministic=True))
        nothing = literals_pb2.LiteralMap()
        self.run.context.recorder.marker(record, inputs=nothing, outputs=inputs, output_uri=layout.native(path))

    def _directory(self, node_id: str) -> Path:
        return self.run.context.layout.node(self.run.id, node_id) if self.within is None else self.within / node_id

    def _new_record(self, node: Any) -> NodeRecord | None:
        """A record for a node that does not run; None when it has one from before a restart."""
        unique = unique_node_id(self.parent, self.attempt, node.id)
        if self.run.history.record(unique) is not None:
            return None
        return self.run.context.recorder.node(
            self.run.id,
            node,
            unique,
            self.parent,
            is_parent=node.workflow_node.WhichOneof("reference") == "sub_workflow_ref",
            is_array=node.WhichOneof("target") == "array_node",
            inputs=None if node.id == START_NODE else self._directory(node.id) / "inputs.pb",
            group=None if self.parent is None else self.attempt,
        )
