"""The gRPC server: from plain handler objects to services, with recording, planned faults and clean errors.

A handler object has one method per RPC: request in, answer out, `Rejected` for a status. Whatever else it raises is answered
INTERNAL without a traceback, never UNKNOWN: flytekit takes UNKNOWN for "please log in" and opens a browser.
"""

from __future__ import annotations

import logging
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf import any_pb2, message_factory
from google.protobuf.message import DecodeError
from google.rpc import status_pb2  # type: ignore[import-untyped]

from ..controls.calls import Call
from ..model.status import Rejected

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..controls.calls import Calls
    from ..controls.faults import Fault, Faults

__all__ = ["GrpcServer"]

_log = logging.getLogger(__name__)
_UNDECODABLE = "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data"
_THREADS = 32
_LOOK = 0.1  # seconds between looks whether the server stops, while a dropped call waits for its caller to give up
_HEALTH, _SERVING = "grpc.health.v1.Health", b"\x08\x01"  # HealthCheckResponse{status: SERVING}
_MESSAGE_LIMIT = 32_000  # flyteadmin pkg/common/constants.go: longer status messages are cut
_OPTIONS = (
    # Receiving: 4 MiB, gRPC's and flyteadmin's default; flytekit's 20 MiB are for what it receives. Sending: no limit.
    ("grpc.max_receive_message_length", 4 << 20),
    ("grpc.max_send_message_length", -1),
    # flytekit pings every 30 s, also between calls; the defaults answer that with GOAWAY "too_many_pings".
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 5000),
    # Without this a second server would silently share the port.
    ("grpc.so_reuseport", 0),
)


class GrpcServer:
    """One listening server.

    Args:
        port: 0 for a free one.
        calls: Where calls are recorded.
        faults: What goes wrong on purpose.
        host: Address to listen on.
        check: Asked before each call, with method and metadata; raises `Rejected` to refuse it.

    Raises:
        OSError: The port is taken.
    """

    def __init__(
        self,
        port: int,
        *,
        calls: Calls,
        faults: Faults,
        host: str = "127.0.0.1",
        check: Callable[[str, Mapping[str, str]], None] | None = None,
    ) -> None:
        _check_free(host, port)
        self._check = check
        self._calls = calls
        self._faults = faults
        self._stopped = threading.Event()
        self._server = grpc.server(ThreadPoolExecutor(_THREADS, thread_name_prefix="sandbox-rpc"), options=_OPTIONS)
        try:
            self.port = self._server.add_insecure_port(f"{host}:{port}")
        except RuntimeError as error:
            self._server.stop(None)
            raise OSError(str(error)) from None

    def add(self, service: Any, *handlers: object) -> None:
        """Serves a service: methods that no handler object has answer UNIMPLEMENTED.

        Args:
            service: The protobuf ServiceDescriptor.
            *handlers: The handler objects; the first that has a method serves it.
        """
        methods = {
            method.name: grpc.unary_unary_rpc_method_handler(
                self._wrapped(method.name, _find(method.name, handlers)),
                request_deserializer=_parser(message_factory.GetMessageClass(method.input_type)),
                response_serializer=_serialise,
            )
            for method in service.methods
            if not method.client_streaming and not method.server_streaming
        }
        self._faults.serves(methods)
        generic = grpc.method_handlers_generic_handler(service.full_name, methods)
        self._server.add_generic_rpc_handlers((generic,))

    def start(self) -> None:
        """Begins to answer, also those who only ask whether it lives (grpc.health.v1, as FlyteAdmin does)."""
        check = grpc.unary_unary_rpc_method_handler(lambda _request, _context: _SERVING)  # bytes in, bytes out
        health = grpc.method_handlers_generic_handler(_HEALTH, {"Check": check})
        self._server.add_generic_rpc_handlers((health, _Unknown()))
        self._server.start()

    def stop(self) -> None:
        """Refuses new calls, lets calls in progress end for a moment, frees the port."""
        self._stopped.set()
        self._server.stop(grace=0.5).wait()

    def _wrapped(self, method: str, handle: Callable[[Any], Any] | None) -> Callable[[Any, grpc.ServicerContext], Any]:
        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            code, details, packed = "OK", "", b""
            response = None
            metadata: dict[str, str] = {pair[0]: str(pair[1]) for pair in context.invocation_metadata()}
            try:
                if self._check is not None:
                    self._check(method, metadata)
                response = self._answer(method, handle, request, context)
            except Rejected as rejected:
                code, details = rejected.code, _cut(rejected.message)
                packed = _packed(rejected) if rejected.details and details == rejected.message else b""
            except Exception as error:  # noqa: BLE001
                # The boundary to the wire: reported here, hidden from the client but for its class.
                _log.exception("%s failed", method)
                code, details = "INTERNAL", f"the sandbox failed to answer {method}: {type(error).__name__}"
            self._calls.record(Call(method=method, request=request, code=code, details=details, metadata=metadata))
            if code != "OK":
                if packed:
                    context.set_trailing_metadata((("grpc-status-details-bin", packed),))
                context.abort(grpc.StatusCode[code], details)
            return response

        return answer

    def _answer(self, method: str, handle: Callable[[Any], Any] | None, request: Any, context: Any) -> Any:
        delay = self._faults.take(method, request, delay=True)
        if delay is not None:
            self._stopped.wait(delay.seconds)
        fault = self._faults.take(method, request, delay=False)
        if fault is not None and not fault.after_commit:
            self._fail(fault, context)
        if isinstance(request, bytes):  # in grpc-go's words and with its code
            raise Rejected("INTERNAL", _UNDECODABLE)
        if handle is None:
            raise Rejected("UNIMPLEMENTED", f"{method} is not supported by the sandbox; it needs a Flyte cluster")
        with self._faults.outages.serving():
            response = handle(request)
        if fault is not None:
            self._fail(fault, context)
        return response

    def _fail(self, fault: Fault, context: Any) -> None:
        if fault.dropped:
            gone = threading.Event()
            if context.add_callback(gone.set):
                while not gone.wait(_LOOK) and not self._stopped.is_set():
                    pass
        raise Rejected(fault.code, fault.message)


class _Unknown(grpc.GenericRpcHandler):  # type: ignore[misc,type-arg,unused-ignore]
    """Answers for services that are not there, in grpc-go's words."""

    def service(self, handler_call_details: Any) -> Any:
        name = handler_call_details.method.removeprefix("/").partition("/")[0]

        def refuse(_request: bytes, context: Any) -> None:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, f"unknown service {name}")

        return grpc.unary_unary_rpc_method_handler(refuse)


def _parser(message: Any) -> Callable[[bytes], Any]:
    def parse(data: bytes) -> Any:
        try:
            return message.FromString(data)
        except DecodeError:  # raised here, it would fill the log with tracebacks
            return data

    return parse


def _check_free(host: str, port: int) -> None:
    """Finds a taken port before gRPC does, which would also print lines of its own to stderr."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


def _find(method: str, handlers: tuple[object, ...]) -> Callable[[Any], Any] | None:
    found = (getattr(handler, method, None) for handler in handlers)
    return next((one for one in found if one is not None), None)


def _serialise(message: Any) -> bytes:
    return bytes(message.SerializeToString())


def _cut(message: str) -> str:
    return message.encode()[:_MESSAGE_LIMIT].decode(errors="ignore")


def _packed(rejected: Rejected) -> bytes:
    status = status_pb2.Status(code=grpc.StatusCode[rejected.code].value[0], message=rejected.message)
    for detail in rejected.details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return bytes(status.SerializeToString())
