"""What all kinds of nodes have in common: an id, a record, inputs, one end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from flyteidl.core import execution_pb2

from ..model.ids import unique_node_id
from ..model.outcome import CANCELLED, Cancelled, Done, Failure, Outcome
from ..model.timeouts import expired
from ..model.times import now, seconds_between
from .bindings import resolve_all
from .retries import Retries

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .loop import Timer
    from .protocols import GraphScope

__all__ = ["NodeRun"]


class NodeRun(ABC):
    """One node of a graph being executed. Lives on the engine's loop.

    Args:
        graph: Where its bindings are resolved.
        node: The `core.Node`.
        parent: Unique id of the node it is recorded under.
        attempt: Attempt of that parent.
        on_end: Told once how it ended.
        inputs: Given inputs instead of the bindings' (failure nodes).
    """

    is_parent: ClassVar[bool] = False
    is_array: ClassVar[bool] = False
    timed: ClassVar[bool] = True
    """Whether the node's timeout counts from its start. A task's counts anew for each attempt."""

    def __init__(
        self,
        graph: GraphScope,
        node: Any,
        *,
        parent: str | None,
        attempt: int,
        on_end: Callable[[Outcome], None],
        inputs: Any = None,
    ) -> None:
        self.graph = graph
        self.run = graph.run
        self.node = node
        self.unique_id = unique_node_id(parent, attempt, node.id)
        self.cancelled = False
        self.attempts_failed = 0
        self._ended = False
        self._expired: Failure | None = None
        self._deadline: Timer | None = None
        self._on_end = on_end
        self._given = inputs
        self.inputs: Any = None
        recorder, known = self.run.context.recorder, self.run.history.record(self.unique_id)
        self.record = (
            recorder.resumed_node(known, parent)
            if known is not None
            else recorder.node(
                self.run.id, node, self.unique_id, parent, is_parent=self.is_parent, is_array=self.is_array
            )
        )

    def start(self) -> None:
        """Resolves the inputs and begins; does nothing again that has ended before."""
        if self._ended_before():
            return
        try:
            if self._given is not None:
                self.inputs = self._given
            else:
                self.inputs = self._resolved()
            self.record.running(self.inputs)
            if self.timed:
                self.set_deadline()
            self.begin()
        except Failure as failure:
            self.end(failure)

    def _resolved(self) -> Any:
        try:
            return resolve_all(self.node.inputs, self.graph.outputs, self.run.context.layout.local)
        except Failure as failure:  # whatever was wrong, nodes/executor.go: preExecute calls it this
            system = execution_pb2.ExecutionError.SYSTEM
            raise Failure("BindingResolutionFailure", str(failure), kind=system) from None

    def _ended_before(self) -> bool:
        outcome = self.run.history.outcome(self.unique_id)
        if outcome is None:
            recovered = self.run.history.recovered(self.unique_id)
            if recovered is None:
                return False
            original, inputs, outputs = recovered
            outcome = Done(outputs)
            path = self.output_prefix / "outputs.pb"
            self.run.context.layout.write(path, outputs.SerializeToString(deterministic=True))
            self.record.recovered(original, inputs, outputs, self.run.context.layout.native(path))
        self._ended = True
        self._on_end(outcome)
        return True

    @abstractmethod
    def begin(self) -> None:
        """Does the work, now or later, and calls `end`."""

    def set_deadline(self) -> None:
        """Fails the node when its timeout is over (nodes/executor.go: execute). What passed before a restart counts."""
        timeout = self.node.metadata.timeout.ToNanoseconds() / 1e9
        if not timeout:
            return

        def expire() -> None:
            failure, retries = expired(timeout), Retries(0)
            retries.may_retry(failure)
            self._expired = retries.exhausted(failure)
            self.cancel()

        left = timeout - seconds_between(self.record.message.closure.started_at, now())
        self._deadline = self.run.context.loop.later(left, lambda: self.run.guard(expire))

    def cancel(self) -> None:
        """Stops it; `end` follows, at once or when its processes are gone."""
        if not self._ended and not self.cancelled:
            self.cancelled = True
            self.stop()

    def stop(self) -> None:
        """What cancelling means for this kind of node. By default there is nothing to wait for."""
        self.end(CANCELLED)

    @property
    def output_prefix(self) -> Path:
        """Where the last attempt of this node writes."""
        return self.run.context.layout.attempt(self.run.id, self.unique_id, self.attempts_failed)

    def end(self, outcome: Outcome) -> None:
        """Records how it ended and tells the graph. Only the first call counts."""
        if self._ended:
            return
        self._ended = True
        if self._deadline is not None:
            self._deadline.cancel()
        if self._expired is not None and isinstance(outcome, Cancelled):
            outcome = self._expired
        output_uri = ""
        if isinstance(outcome, Done):
            output_uri = self.run.context.layout.native(self.output_prefix / "outputs.pb")
        self.record.ended(outcome, output_uri)
        self._on_end(outcome)
