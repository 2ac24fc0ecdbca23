"""SignalService: what people say to runs that wait at a gate.

After flyteadmin ``pkg/manager/impl/signal_manager.go`` and ``validation/signal_validator.go``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import signal_pb2

from ...model.go_text import go_text
from ...model.status import Rejected
from ...store.executions import known
from ...validation.filters import query_of
from ...validation.inputs import type_checked
from ...validation.interfaces import castable
from ...validation.list_columns import SIGNAL
from ...validation.requests import check_limit, missing, require, run_checked

if TYPE_CHECKING:
    from ...admin.context import Admin
    from ...engine.engine import Engine

__all__ = ["SignalHandlers"]


class SignalHandlers:
    """Handlers by RPC name."""

    def __init__(self, admin: Admin, engine: Engine) -> None:
        self._admin = admin
        self._nodes = admin.nodes
        self._engine = engine

    def GetOrCreateSignal(self, request: Any) -> Any:
        """The signal; made when there is none, as propeller does when a run reaches its gate. The run need not be there."""
        identifier = _checked(request)
        if not request.HasField("type"):
            raise missing("type")
        with self._admin.database.transaction():
            signal = self._nodes.find_signal(identifier)
            if signal is None:
                signal = signal_pb2.Signal(id=identifier, type=request.type)
                self._nodes.save_signal(signal)
            elif signal.type != request.type:
                raise known("signals_pkey")  # it looks for one with this type, finds none, and makes it
        return signal

    def SetSignal(self, request: Any) -> Any:
        """Sets a signal; INVALID_ARGUMENT, not NOT_FOUND, before its gate was reached, because the gate creates it."""
        identifier = _checked(request)
        if not request.HasField("value"):
            raise missing("value")
        signal = self._find(identifier)
        # In this direction: a gate for int | None takes neither an int nor a None.
        if not castable(signal.type, type_checked("", request.value)):
            text = f"requested signal value [{go_text(request.value)}] is not castable to existing signal type"
            numbers = " ".join(str(byte) for byte in signal.type.SerializeToString())  # as Go prints bytes
            raise Rejected("INVALID_ARGUMENT", f"{text} [[{numbers}]]")
        with self._admin.database.transaction():
            signal.value.CopyFrom(request.value)
            self._nodes.save_signal(signal)
        self._engine.signalled(identifier.execution_id, identifier.signal_id)
        return signal_pb2.SignalSetResponse()

    def ListSignals(self, request: Any) -> Any:
        """One page of the signals of a run; none when there is no such run."""
        try:
            run = run_checked(request, "workflow_execution_id")
        except Rejected:
            raise missing("execution_id") from None
        check_limit(request.limit)
        signals, page = self._nodes.page_of_signals(run, query_of(SIGNAL, request, "ListSignals"))
        return signal_pb2.SignalList(signals=signals, token=page.token)

    def _find(self, identifier: Any) -> Any:
        run = identifier.execution_id
        key = f"{{{{{run.project} {run.domain} {run.name}}} {identifier.signal_id}}}"
        try:
            signal = self._nodes.find_signal(identifier)
            if signal is None:
                raise Rejected("NOT_FOUND", "signal does not exist")
        except Rejected as rejected:
            text = f"failed to validate that signal [{key}] exists, err: [{rejected.message}]"
            raise Rejected("INVALID_ARGUMENT", text) from None
        return signal


def _checked(request: Any) -> Any:
    if not request.HasField("id"):
        raise missing("id")
    identifier = request.id
    if not identifier.HasField("execution_id"):
        raise missing("execution_id")
    require(identifier, "signal_id")
    run_checked(identifier, "execution_id")
    return identifier
