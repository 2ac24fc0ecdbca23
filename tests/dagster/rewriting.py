"""A gRPC server between client and sandbox that hands everything through, and tells another error of runs that FAILED, or logs.

What FlytePropeller makes of errors is recorded; the embedded engine need not be able to make each of them. The wire is real.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from flyteidl.admin import execution_pb2, task_execution_pb2
from flyteidl.core import execution_pb2 as core

FAILED = core.WorkflowExecution.FAILED
_GET = "/flyteidl.service.AdminService/GetExecution"
_ATTEMPTS = "/flyteidl.service.AdminService/ListTaskExecutions"


class Rewriting(grpc.GenericRpcHandler):
    """Its `error` is what failed runs say: code, kind, message; `log` is where attempts write theirs. None hands through."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self.error: tuple[str, str, str] | None = None
        self.log: str | None = None

    def service(self, details: Any) -> Any:
        method = details.method
        call = self._channel.unary_unary(method)

        def forward(request: bytes, context: Any) -> bytes:
            metadata = [(key, value) for key, value in context.invocation_metadata() if key != "user-agent"]
            try:
                answer: bytes = call(request, timeout=30, metadata=metadata)
            except grpc.RpcError as error:
                context.abort(error.code(), error.details())
            return {_GET: self._told, _ATTEMPTS: self._logged}.get(method, bytes)(answer)

        return grpc.unary_unary_rpc_method_handler(forward)

    def _told(self, answer: bytes) -> bytes:
        execution = execution_pb2.Execution.FromString(answer)
        if self.error is None or execution.closure.phase != FAILED:
            return answer
        code, kind, message = self.error
        error = execution.closure.error
        error.code, error.kind, error.message = code, core.ExecutionError.ErrorKind.Value(kind), message
        return execution.SerializeToString()

    def _logged(self, answer: bytes) -> bytes:
        attempts = task_execution_pb2.TaskExecutionList.FromString(answer)
        if self.log:  # a gate has no attempts of its own
            one = attempts.task_executions.add()
            one.id.task_id.name, one.id.node_execution_id.node_id = "train", "n0"
            one.closure.phase = core.TaskExecution.FAILED
            one.closure.logs.add(name="Cloud Logs", uri=self.log)
        return attempts.SerializeToString()


@contextmanager
def rewriting(endpoint: str) -> Iterator[tuple[str, Rewriting]]:
    """Its endpoint, and the handler."""
    server = grpc.server(ThreadPoolExecutor(8))
    with grpc.insecure_channel(endpoint) as channel:
        handler = Rewriting(channel)
        server.add_generic_rpc_handlers((handler,))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"127.0.0.1:{port}", handler
        finally:
            server.stop(None).wait()
