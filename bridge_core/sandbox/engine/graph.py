"""One workflow being executed: the root, a sub-workflow, or what a dynamic task made. Starts nodes when they may start.

Failure policies, failure nodes and cancelling follow flytepropeller ``pkg/controller/workflow/executor.go`` and
``nodes/executor.go``: FAIL_IMMEDIATELY aborts the siblings of a failed node, FAIL_AFTER_EXECUTABLE_NODES_COMPLETE lets
everything run that does not depend on it; the failure node runs once, and the workflow has failed all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.core import literals_pb2, types_pb2, workflow_pb2

from ..compiler.shape import dependencies
from ..model.ids import END_NODE, START_NODE, unique_node_id
from ..model.outcome import CANCELLED, Cancelled, Done, Failure, Outcome
from .bindings import resolve_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from .protocols import RunScope, Startable

__all__ = ["Graph"]

_KEEP_GOING = workflow_pb2.WorkflowMetadata.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE


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
    ) -> None:
        self.run = run
        self.template = template
        self.parent = parent
        self.attempt = attempt
        self.outputs: dict[str, Any] = {START_NODE: inputs}
        self._on_end = on_end
        self._on_failing = on_failing
        nodes = {node.id: node for node in template.nodes if node.id not in (START_NODE, END_NODE)}
        self._nodes = nodes
        self._waiting = {name: dependencies(node) & nodes.keys() - {name} for name, node in nodes.items()}
        self._downstream: dict[str, list[str]] = {}
        for name, upstream in self._waiting.items():
            for above in upstream:
                self._downstream.setdefault(above, []).append(name)
        self._running: dict[str, Startable] = {}
        self._failure: Failure | None = None
        self._cancelled = False
        self._ended = False

    def start(self) -> None:
        """Starts all nodes without upstreams."""
        self._mark(START_NODE, literals_pb2.LiteralMap(), self.outputs[START_NODE] if self.parent is None else None)
        for name in self._nodes:  # before a restart: what failed then must stop the others now
            before = self._ended_before(name)
            if isinstance(before, Failure):
                self._node_failed(name, before)
        for name in [name for name, upstream in self._waiting.items() if not upstream]:
            if self._may_start(name):
                self._start(name)
        self._check_end()

    def cancel(self) -> None:
        """Stops what runs and starts nothing more; ends CANCELLED when the last node has ended."""
        self._cancelled = True
        self._cancel_running()
        self._check_end()

    def _start(self, name: str) -> None:
        del self._waiting[name]
        node = self.run.factory.node(
            self,
            self._nodes[name],
            parent=self.parent,
            attempt=self.attempt,
            on_end=lambda o: self._ended_later(name, o),
        )
        self._running[name] = node
        node.start()

    def _ended_later(self, name: str, outcome: Outcome) -> None:
        # Through the loop, so that a chain of nodes that end at once does not nest.
        self.run.post(lambda: self._node_ended(name, outcome))

    def _node_ended(self, name: str, outcome: Outcome) -> None:
        del self._running[name]
        if isinstance(outcome, Done):
            self.outputs[name] = outcome.outputs
            for below in self._downstream.get(name, ()):
                self._waiting[below].discard(name)
                if not self._waiting[below] and self._may_start(below):
                    self._start(below)
        elif isinstance(outcome, Failure):
            self._node_failed(name, outcome)
        self._check_end()

    def _node_failed(self, name: str, failure: Failure) -> None:
        if not failure.node_id:
            failure.node_id = name
        if self._failure is None:
            self._failure = failure
            if self._on_failing is not None:
                self._on_failing(failure)
        if self.template.metadata.on_failure != _KEEP_GOING:
            self._cancel_running()

    def _may_start(self, name: str) -> bool:
        if self._cancelled:
            return False
        if self._failure is None or self.template.metadata.on_failure == _KEEP_GOING:
            return True
        return self._ended_before(name) is not None

    def _ended_before(self, name: str) -> Outcome | None:
        return self.run.history.outcome(unique_node_id(self.parent, self.attempt, name))

    def _cancel_running(self) -> None:
        for node in list(self._running.values()):
            node.cancel()

    def _check_end(self) -> None:
        if self._running or self._ended:
            return
        if self._cancelled:
            self._end(CANCELLED)
        elif self._failure is not None:
            self._run_failure_node(self._failure)
        elif not self._waiting:
            self._succeed()

    def _succeed(self) -> None:
        try:
            outputs = resolve_all(self.template.outputs, self.outputs, self.run.context.layout.local)
        except Failure as failure:
            self._end(failure)
            return
        self._mark(END_NODE, outputs)
        self._end(Done(outputs))

    def _run_failure_node(self, failure: Failure) -> None:
        if not self.template.HasField("failure_node"):
            self._end(failure)
            return
        node = self.template.failure_node
        try:
            inputs = resolve_all(node.inputs, self.outputs, self.run.context.layout.local)
        except Failure:
            self._end(failure)
            return
        if "err" in inputs.literals:
            inputs.literals["err"].CopyFrom(_error_literal(failure))

        def ended(outcome: Outcome) -> None:
            # "its failure will mask the original failure for the workflow": subworkflow.go and workflow/executor.go
            last = outcome if isinstance(outcome, Failure) else failure
            self.run.post(lambda: self._end(CANCELLED if self._cancelled else last))

        runner = self.run.factory.node(
            self, node, parent=self.parent, attempt=self.attempt, on_end=ended, inputs=inputs
        )
        self._ended = True  # nothing else may end this graph
        self._running[node.id] = runner
        runner.start()

    def _end(self, outcome: Done | Failure | Cancelled) -> None:
        self._ended = True
        self._on_end(outcome)

    def _mark(self, node_id: str, inputs: Any, outputs: Any = None) -> None:
        node = workflow_pb2.Node(id=node_id)
        unique = unique_node_id(self.parent, self.attempt, node_id)
        if self.run.history.record(unique) is None:
            self.run.context.recorder.marker(self.run.id, node, unique, self.parent, inputs=inputs, outputs=outputs)


def _error_literal(failure: Failure) -> Any:
    """What a failure node gets as ``err``: a union, the way flytekit declares it (``Optional[FlyteError]``)."""
    error = types_pb2.Error(message=failure.message, failed_node_id=failure.node_id)
    union = literals_pb2.Union(
        value=literals_pb2.Literal(scalar=literals_pb2.Scalar(error=error)),
        type=types_pb2.LiteralType(simple=types_pb2.ERROR, structure=types_pb2.TypeStructure(tag="FlyteError")),
    )
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(union=union))
