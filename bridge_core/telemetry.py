"""OpenTelemetry spans and counters around calls, when the application uses OpenTelemetry; nothing otherwise.

"Uses" means that it has imported ``opentelemetry`` before: this library never imports it on its own, so that an installed
and unused package costs nothing. Names follow the semantic conventions for RPC.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .model.errors import BridgeError
from .model.public import public

if TYPE_CHECKING:
    from .transport.base import Method

__all__ = ["CallRecord", "observed", "trace_variables"]

_SCOPE = "bridge_core"
_NANOS = 1e9


class CallRecord:
    """What one call tells while it goes on."""

    __slots__ = ("_span", "attempts")

    def __init__(self, span: Any = None) -> None:
        self._span = span
        self.attempts = 1

    def again(self, code: str | None) -> None:
        """Another attempt follows this failure."""
        self.attempts += 1
        if self._span is not None:
            self._span.add_event("retry", {"rpc.grpc.status": code or "", "attempt": self.attempts})


@contextlib.contextmanager
def observed(method: Method[Any, Any], target: str, request_id: str) -> Iterator[CallRecord]:
    """A client span around one call, with its outcome counted.

    Span: ``flyteidl.service.AdminService/GetExecution``. Metrics: ``rpc.client.duration`` (seconds) and
    ``flyte_bridge.rpc.attempts``, both by method and status.
    """
    if "opentelemetry.trace" not in sys.modules:
        yield CallRecord()
        return
    from opentelemetry import metrics, trace

    service, _, name = method.path.strip("/").rpartition("/")
    about = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name, "server.address": target}
    tracer, meter = trace.get_tracer(_SCOPE), metrics.get_meter(_SCOPE)
    begin, status = time.monotonic_ns(), "OK"
    with tracer.start_as_current_span(
        f"{service}/{name}",
        kind=trace.SpanKind.CLIENT,
        attributes={**about, "flyte_bridge.request_id": request_id},
        record_exception=False,  # messages may quote inputs; the code is enough
        set_status_on_exception=False,
    ) as span:
        record = CallRecord(span)
        try:
            yield record
        except BridgeError as error:
            status = error.code or type(error).__name__
            span.set_status(trace.Status(trace.StatusCode.ERROR, status))
            raise
        finally:
            span.set_attribute("rpc.grpc.status", status)
            span.set_attribute("flyte_bridge.attempts", record.attempts)
            labels = {"rpc.method": name, "rpc.grpc.status": status}
            meter.create_histogram("rpc.client.duration", unit="s").record(
                (time.monotonic_ns() - begin) / _NANOS, labels
            )
            meter.create_counter("flyte_bridge.rpc.attempts").add(record.attempts, labels)


@public
def trace_variables() -> dict[str, str]:
    """``TRACEPARENT`` and ``TRACESTATE`` (W3C Trace Context) of the current span, for ``RunOptions(env_vars=…)``.

    Tasks of the run that use OpenTelemetry can continue the trace with them. Empty where the application does not use
    OpenTelemetry, or has no span open. Airflow's operators and Dagster's assets and ops send them by themselves.

    Example:
        >>> from bridge_core import RunOptions, trace_variables
        >>> options = RunOptions(env_vars={**trace_variables(), "STAGE": "night"})
    """
    if "opentelemetry.trace" not in sys.modules:
        return {}
    from opentelemetry import propagate, trace

    if not trace.get_current_span().get_span_context().is_valid:
        return {}
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return {key.upper(): value for key, value in carrier.items() if key in ("traceparent", "tracestate")}
