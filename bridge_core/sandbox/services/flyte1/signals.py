"""SignalService: what people say to runs that wait at a gate (flyteadmin ``pkg/manager/impl/signal_manager.go``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import signal_pb2

from ...interfaces import castable, type_of
from ...status import Rejected

if TYPE_CHECKING:
    from ...engine.engine import Engine

__all__ = ["SignalHandlers"]


class SignalHandlers:
    """Handlers by RPC name."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def GetOrCreateSignal(self, request: Any) -> Any:
        """The signal; made when there is none, as propeller does when a run reaches its gate."""
        if not request.id.signal_id:
            raise Rejected("INVALID_ARGUMENT", "missing signal_id")
        if request.type.WhichOneof("type") is None:
            raise Rejected("INVALID_ARGUMENT", "missing type")
        with self._engine.database.transaction():
            self._engine.executions.get(request.id.execution_id)
            signal = self._engine.nodes.find_signal(request.id)
            if signal is None:
                signal = signal_pb2.Signal(id=request.id, type=request.type)
                self._engine.nodes.save_signal(signal)
        return signal

    def SetSignal(self, request: Any) -> Any:
        """Sets a signal; NOT_FOUND before its gate was reached, because the gate creates it."""
        with self._engine.database.transaction():
            signal = self._engine.nodes.find_signal(request.id)
            if signal is None:
                raise Rejected(
                    "NOT_FOUND",
                    f"missing entity of type signal with identifier {request.id.execution_id.name}/{request.id.signal_id}",
                )
            if not castable(type_of(request.value), signal.type):
                raise Rejected(
                    "INVALID_ARGUMENT",
                    f"requested signal value [{type_of(request.value)}] is not castable to existing signal type [{signal.type}]",
                )
            signal.value.CopyFrom(request.value)
            self._engine.nodes.save_signal(signal)
        self._engine.signalled(request.id.execution_id, request.id.signal_id)
        return signal_pb2.SignalSetResponse()

    def ListSignals(self, request: Any) -> Any:
        """Signals of a run, all on one page."""
        return signal_pb2.SignalList(signals=self._engine.nodes.signals_of(request.workflow_execution_id))
