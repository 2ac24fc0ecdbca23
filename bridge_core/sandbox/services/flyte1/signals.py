"""SignalService: what people say to runs that wait at a gate.

After flyteadmin ``pkg/manager/impl/signal_manager.go`` and ``validation/signal_validator.go``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import signal_pb2

from ...model.status import Rejected
from ...validation.filters import SIGNAL, Query
from ...validation.interfaces import castable, type_of
from ._checks import run_id_checked

if TYPE_CHECKING:
    from ...engine.engine import Engine

__all__ = ["SignalHandlers"]


class SignalHandlers:
    """Handlers by RPC name."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def GetOrCreateSignal(self, request: Any) -> Any:
        """The signal; made when there is none, as propeller does when a run reaches its gate."""
        _check(request.id)
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
        """Sets a signal; INVALID_ARGUMENT, not NOT_FOUND, before its gate was reached, because the gate creates it."""
        _check(request.id)
        if request.value.WhichOneof("value") is None:
            raise Rejected("INVALID_ARGUMENT", "missing value")
        with self._engine.database.transaction():
            signal = self._engine.nodes.find_signal(request.id)
            if signal is None:
                name = f"{request.id.execution_id.name} {request.id.signal_id}"
                raise Rejected(
                    "INVALID_ARGUMENT",
                    f"failed to validate that signal [{name}] exists, err: [signal does not exist]",
                )
            # In this direction: a gate for int | None takes neither an int nor a None.
            if not castable(signal.type, type_of(request.value)):
                raise Rejected(
                    "INVALID_ARGUMENT",
                    f"requested signal value [{request.value}] is not castable to existing signal type [{signal.type}]",
                )
            signal.value.CopyFrom(request.value)
            self._engine.nodes.save_signal(signal)
        self._engine.signalled(request.id.execution_id, request.id.signal_id)
        return signal_pb2.SignalSetResponse()

    def ListSignals(self, request: Any) -> Any:
        """One page of the signals of a run; none when there is no such run."""
        run_id_checked(request.workflow_execution_id)
        query = Query(
            SIGNAL, filters=request.filters, sort_by=request.sort_by, limit=request.limit, token=request.token
        )
        signals, page = self._engine.nodes.page_of_signals(request.workflow_execution_id, query)
        return signal_pb2.SignalList(signals=signals, token=page.token)


def _check(identifier: Any) -> None:
    if not identifier.signal_id:
        raise Rejected("INVALID_ARGUMENT", "missing signal_id")
    run_id_checked(identifier.execution_id)
