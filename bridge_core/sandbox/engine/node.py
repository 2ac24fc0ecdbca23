"""What all kinds of nodes have in common: an id, a record, inputs, time-outs, one end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from flyteidl.core import execution_pb2

from ..model.ids import unique_node_id
from ..model.outcome import Cancelled, Done, Failure, Outcome
from ..model.times import now, seconds_between
from .bindings import resolve_all
from .deadlines import Deadlines
from .retries import Retries

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .loop import Timer
    from .protocols import GraphScope
    from .recorder import NodeRecord

__all__ = ["NodeRun"]

_SYSTEM = execution_pb2.ExecutionError.SYSTEM


class NodeRun(ABC):
    """One node of a graph being executed. Lives on the engine's loop.

    Args:
        graph: Where its bindings are resolved.
        node: The `core.Node`.
        parent: Unique id of the node it is recorded under.
        attempt: Attempt of that parent.
        within: The directory that holds its own; None at the top of the run.
        on_end: Told once how it ended.
        failure: What a failure node is about; it goes into an input ``err``.
    """

    is_parent: ClassVar[bool] = False
    is_array: ClassVar[bool] = False
    counted: ClassVar[bool] = False
    """Whether it takes one of the run's slots, see `parallelism`."""
    timed: ClassVar[bool] = True
    """Whether the clocks of the node are kept here. A task keeps its own."""
    going_at_once: ClassVar[bool] = True
    """Whether it is RUNNING from its start. The others say when they are: cache hits and failed conditions never are."""
    stopped_in_time: ClassVar[bool] = True
    """Whether what it has inside is stopped when it has taken too long (FinalizeRequired of the handlers there)."""

    def __init__(
        self,
        graph: GraphScope,
        node: Any,
        *,
        parent: str | None,
        attempt: int,
        within: Path | None,
        on_end: Callable[[Outcome], None],
        failure: Failure | None = None,
    ) -> None:
        self.graph = graph
        self.run = graph.run
        self.node = node
        self.unique_id = unique_node_id(parent, attempt, node.id)
        self.parent = parent
        self.directory = self.run.context.layout.node(self.run.id, node.id) if within is None else within / node.id
        self.cancelled = False
        self.reason = ""
        self.attempts_failed = 0
        self.inputs: Any = None
        self._ended = False
        self.overdue: Failure | None = None
        self._group = None if parent is None else attempt
        self._on_end = on_end
        self._failure = failure
        self._record: NodeRecord | None = None
        self._known = self.run.history.record(self.unique_id)
        self._retries = Retries(node.metadata.retries.retries)
        timeout = node.metadata.timeout.ToNanoseconds() / 1e9 if self.timed else 0.0
        self._deadlines = Deadlines(timeout, self.later, self._too_late)

    @property
    def record(self) -> NodeRecord:
        """Its node execution; there is none before it has begun."""
        assert self._record is not None, f"node {self.unique_id} has not begun"
        return self._record

    def start(self) -> None:
        """Begins, as soon as the run has a slot for it; does nothing again that has ended before."""
        if self._ended_before():
            return
        if self.counted and not self.run.parallelism.take(self, lambda: self.run.post(self._begin)):
            return
        self._begin()

    def _begin(self) -> None:
        """Resolves the inputs and does the work."""
        if self._ended:
            return
        record = self._record = self._recorded()
        try:
            self.inputs = self._resolved()
        except Failure as failure:
            self.unbound()
            self.end(failure)
            return
        record.queued(self.inputs)
        self._deadlines.begin(record.seconds)
        if self.going_at_once:
            self.going()
        try:
            self.begin()
        except Failure as failure:
            self.end(failure)

    def _recorded(self) -> NodeRecord:
        recorder = self.run.context.recorder
        if self._known is not None:
            return recorder.resumed_node(self._known, self.parent)
        return recorder.node(
            self.run.id,
            self.node,
            self.unique_id,
            self.parent,
            is_parent=self.is_parent,
            is_array=self.is_array,
            inputs=self.directory / "inputs.pb",
            group=self._group,
        )

    def _resolved(self) -> Any:
        try:
            return resolve_all(
                self.node.inputs,
                self.graph.outputs,
                self.run.context.layout.local,
                failure=self._failure,
                node_id=self.node.id,
            )
        except Failure as failure:  # whatever was wrong, nodes/executor.go: preExecute calls it this
            raise Failure("BindingResolutionFailure", failure.message, kind=_SYSTEM) from None

    def unbound(self) -> None:  # noqa: B027
        """Its inputs cannot be resolved. A hook for kinds that leave more behind than a failed node."""

    def going(self) -> None:
        """It is at work now."""
        self.record.running()
        if self.timed:
            self._deadlines.attempt(seconds_between(self.record.message.closure.started_at, now()))

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
            self._record = self._recorded()
            self._record.recovered(original, inputs, outputs, self.run.context.layout.native(path))
        self._ended = True
        self._on_end(outcome)
        return True

    @abstractmethod
    def begin(self) -> None:
        """Does the work, now or later, and calls `end`."""

    def later(self, seconds: float, step: Callable[[], None]) -> Timer:
        """Has a step of the run happen in some seconds."""
        return self.run.context.loop.later(seconds, lambda: self.run.guard(step))

    def _too_late(self, failure: Failure) -> None:
        """A clock is over: another attempt, or the end of the node."""
        if self._ended or self.cancelled:
            return
        again = failure.recoverable and self._retries.may_retry(failure)
        if failure.recoverable and not again:
            failure = self._retries.exhausted(failure)
        if again or self.stopped_in_time or self.run.context.stop_orphans:
            self.overdue = failure
            self.cancel("node failing" if not again else "retrying")
        else:
            self.leave_inside()
            self.end(failure)

    def leave(self) -> None:
        """Its graph is forgotten: what runs goes on by itself, the record stays as it is, and nobody hears of the end."""
        if not self._ended:
            self._ended = True
            self._deadlines.stop()
            self.run.parallelism.release(self)
            self.leave_inside()

    def leave_inside(self) -> None:  # noqa: B027
        """Forgets what it has inside."""

    def cancel(self, reason: str) -> None:
        """Stops it; `end` follows, at once or when its processes are gone."""
        if self._ended or self.cancelled:
            return
        self.cancelled = True
        self.reason = reason
        if self._record is None:  # it has not begun: nothing is recorded
            self._ended = True
            if self.counted:
                self.run.parallelism.release(self)
            self._on_end(Cancelled(reason))
            return
        self.stop()

    def stop(self) -> None:
        """What cancelling means for this kind of node. By default there is nothing to wait for."""
        self.end(Cancelled(self.reason))

    @property
    def output_prefix(self) -> Path:
        """Where the last attempt of this node writes."""
        return self.directory / str(self.attempts_failed)

    def end(self, outcome: Outcome) -> None:
        """Records how it ended and tells the graph. Only the first call counts."""
        if self._ended:
            return
        if isinstance(outcome, Cancelled):
            if self.overdue is not None and self.overdue.recoverable:
                self._again()
                return
            outcome = self.overdue or Cancelled(self.reason or outcome.reason)
        self._ended = True
        self._deadlines.stop()
        output_uri = ""
        if isinstance(outcome, Done):
            path = self.output_prefix / "outputs.pb"
            output_uri = self.run.context.layout.native(path)
            if outcome.outputs.literals and not path.exists():  # a task has written its own
                self.run.context.layout.write(path, outcome.outputs.SerializeToString(deterministic=True))
        self.record.ended(outcome, output_uri, timed_out=outcome is self.overdue)
        if self.counted:
            self.run.parallelism.release(self)
        self._on_end(outcome)

    def _again(self) -> None:
        """The next attempt of a node that took too long."""
        self.overdue, self.cancelled, self.reason = None, False, ""
        self.attempts_failed += 1
        self._deadlines.attempt()
        try:
            self.begin()
        except Failure as failure:
            self.end(failure)
