"""What is known of a run before it goes on: its own records after a restart, or those of the run that it recovers.

Both look the same to a node: something of its unique id has ended already and is not done again. Recovery after
flytepropeller ``pkg/controller/nodes/executor.go`` (attemptRecovery): nodes that SUCCEEDED in the other run become RECOVERED
with its inputs and outputs; of a dynamic node that did not end, the workflow it made is kept, and a task that failed finds the
checkpoint it left. Anything else runs again from its start: an array with all its items, because they have no node executions
to be found by (ArrayNode.EventVersion 0; flyteorg/flyte#3925), and the child of a launch plan node as a new execution, because
``nodes/subworkflow/launchplan.go`` recovers children of succeeded nodes only, and those are not run at all.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyteidl.core import execution_pb2

from ..model.outcome import CANCELLED, Done, Failure, Outcome

if TYPE_CHECKING:
    from ..store.nodes import Nodes

__all__ = ["NODE_ENDED", "History", "abort_nodes"]

_Node = execution_pb2.NodeExecution
_GOOD = frozenset({_Node.SUCCEEDED, _Node.RECOVERED})
_BAD = frozenset({_Node.FAILED, _Node.TIMED_OUT})
NODE_ENDED = frozenset({*_GOOD, *_BAD, _Node.ABORTED, _Node.SKIPPED})
"""Phases of nodes that never change again."""


class History:
    """Node executions of earlier, by unique id.

    Args:
        nodes: The store.
        own: Identifier of the run itself when it goes on after a restart.
        reference: Identifier of the run that it recovers.
    """

    def __init__(self, nodes: Nodes, *, own: Any = None, reference: Any = None) -> None:
        self._nodes = nodes
        self._own = {} if own is None else {record.id.node_id: record for record in nodes.all_of(own)}
        self._other = {} if reference is None else {record.id.node_id: record for record in nodes.all_of(reference)}

    def record(self, unique_id: str) -> Any | None:
        """The node's own record from before a restart."""
        return self._own.get(unique_id)

    def outcome(self, unique_id: str) -> Outcome | None:
        """How the node ended before the restart; None when it did not."""
        record = self._own.get(unique_id)
        if record is None or record.closure.phase not in NODE_ENDED:
            return None
        if record.closure.phase in _GOOD:
            return Done(self._nodes.data(record.id)[1])
        if record.closure.phase in _BAD:
            error = record.closure.error
            return Failure(error.code, error.message, kind=error.kind)
        return CANCELLED

    def recovered(self, unique_id: str) -> tuple[Any, Any, Any] | None:
        """The node in the run that is recovered, when it succeeded there, its inputs and its outputs."""
        record = self._other.get(unique_id)
        if record is None or record.closure.phase not in _GOOD or unique_id in self._own:
            return None
        inputs, outputs, _ = self._nodes.data(record.id)
        return record, inputs, outputs

    def dynamic(self, unique_id: str) -> tuple[Any, str, int] | None:
        """The compiled workflow of a dynamic node that did not end, where it was written, and by which attempt."""
        record = self._own.get(unique_id) or self._other.get(unique_id)
        if record is None or not record.metadata.is_dynamic:
            return None
        closure = self._nodes.data(record.id)[2]
        uri = record.closure.dynamic_job_spec_uri
        return None if closure is None else (closure, uri, int(Path(uri).parent.name))

    def checkpoint(self, unique_id: str) -> str:
        """Where the node that failed in the run that is recovered wrote its last checkpoint; empty if it had none."""
        record = self._other.get(unique_id)
        return "" if record is None else str(record.closure.task_node_metadata.checkpoint_uri)

    def attempts(self, unique_id: str) -> list[Any]:
        """The node's own task executions from before a restart."""
        record = self._own.get(unique_id)
        return [] if record is None else self._nodes.attempts_of(record.id)


def abort_nodes(nodes: Nodes, identifier: Any) -> None:
    """Marks the nodes of a run that has ended, and that did not end themselves, ABORTED."""
    for node in nodes.all_of(identifier):
        if node.closure.phase not in NODE_ENDED:
            node.closure.phase = _Node.ABORTED
            nodes.save(node, parent=None)
