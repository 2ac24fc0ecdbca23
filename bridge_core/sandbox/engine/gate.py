"""Gates: nodes that wait for an approval, a value or some time (flytepropeller ``pkg/controller/nodes/gate/handler.go``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flyteidl.admin import signal_pb2
from flyteidl.core import identifier_pb2, literals_pb2, types_pb2

from ..model.outcome import Cancelled, Done, Failure
from ..model.times import now, seconds_between
from .node import NodeRun

if TYPE_CHECKING:
    from .loop import Timer

__all__ = ["GateNode"]


class GateNode(NodeRun):
    """Waits for an approval, a signal or some time. Costs no thread."""

    _timer: Timer | None = None

    def begin(self) -> None:
        """Creates the signal, or sets the timer."""
        gate = self.node.gate_node
        kind = gate.WhichOneof("condition")
        if kind == "sleep":
            seconds = gate.sleep.duration.ToNanoseconds() / 1e9
            seconds -= seconds_between(
                self.record.message.closure.started_at, now()
            )  # some may have passed before a restart
            done = Done(literals_pb2.LiteralMap())
            self._timer = self.run.context.loop.later(seconds, lambda: self.run.guard(lambda: self.end(done)))
            return
        boolean = types_pb2.LiteralType(simple=types_pb2.BOOLEAN)
        type_ = boolean if kind == "approve" else gate.signal.type
        signal = signal_pb2.Signal(type=type_)
        signal.id.signal_id = self._signal_id
        signal.id.execution_id.CopyFrom(self.run.id)
        if self.run.context.nodes.find_signal(signal.id) is None:
            self.run.context.nodes.save_signal(signal)
        self.run.gates.setdefault(self._signal_id, []).append(self)
        self.signalled()

    def stop(self) -> None:
        """Stops waiting."""
        if self._timer is not None:
            self._timer.cancel()
        self.end(Cancelled(self.reason))

    def signalled(self) -> None:
        """Goes on when the signal has a value."""
        identifier = identifier_pb2.SignalIdentifier(signal_id=self._signal_id, execution_id=self.run.id)
        signal = self.run.context.nodes.find_signal(identifier)
        if signal is None or not signal.HasField("value"):
            return
        gate = self.node.gate_node
        if gate.WhichOneof("condition") == "signal":
            self.end(Done(literals_pb2.LiteralMap(literals={gate.signal.output_variable_name: signal.value})))
        elif signal.value.scalar.primitive.boolean:
            self.end(Done(self.inputs))
        else:
            text = "received a reject signal to disapprove the node input values"
            self.end(Failure("ReceivedRejectSignal", text))

    @property
    def _signal_id(self) -> str:
        gate = self.node.gate_node
        return str(gate.approve.signal_id if gate.WhichOneof("condition") == "approve" else gate.signal.signal_id)
