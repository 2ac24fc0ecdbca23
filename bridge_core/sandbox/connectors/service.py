"""`Service`: the calls that FlytePropeller makes to one connector service (flyteidl ``service/agent.proto``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
from flyteidl.admin import agent_pb2
from flyteidl.service import agent_pb2_grpc

from .fault import ConnectorFault

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Service"]

_TIMEOUT = 10.0  # seconds a call may take: plugins/webapi/connector/config.go, DefaultTimeout
_UNLIMITED = -1
_OPTIONS = (
    ("grpc.max_receive_message_length", _UNLIMITED),
    # A connector that comes back is tried again within a second, not after gRPC's two minutes.
    ("grpc.max_reconnect_backoff_ms", 1000),
)


class Service:
    """One endpoint. Its methods block, and raise `ConnectorFault`.

    Args:
        endpoint: ``HOST:PORT``, without TLS: what FlytePropeller's default connector is.
    """

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._channel = grpc.insecure_channel(endpoint, options=_OPTIONS)
        self._metadata = agent_pb2_grpc.AgentMetadataServiceStub(self._channel)
        self._async = agent_pb2_grpc.AsyncAgentServiceStub(self._channel)
        self._sync = agent_pb2_grpc.SyncAgentServiceStub(self._channel)

    def categories(self) -> dict[tuple[str, int], bool]:
        """Type and version of the tasks it runs, with whether it answers at once. Nothing for a service that cannot say."""
        try:
            response = self._call("ListAgents", self._metadata.ListAgents, agent_pb2.ListAgentsRequest())
        except ConnectorFault as fault:
            if fault.code == "UNIMPLEMENTED":
                return {}
            raise
        found: dict[tuple[str, int], bool] = {}
        for agent in response.agents:
            named = {category.name for category in agent.supported_task_categories}
            found |= {(name, 0): agent.is_sync for name in agent.supported_task_types if name not in named}
            found |= {(one.name, one.version): agent.is_sync for one in agent.supported_task_categories}
        return found

    def create(self, request: Any) -> bytes:
        """Starts a job; returns what `get` and `delete` find it by."""
        return bytes(self._call("CreateTask", self._async.CreateTask, request).resource_meta)

    def get(self, request: Any) -> Any:
        """The state of a job, a ``Resource``."""
        return self._call("GetTask", self._async.GetTask, request).resource

    def delete(self, request: Any) -> None:
        """Stops a job."""
        self._call("DeleteTask", self._async.DeleteTask, request)

    def execute(self, header: Any, inputs: Any) -> Any:
        """Runs a task and waits for it; returns its ``Resource``. Outputs come in the header, as FlytePropeller assumes."""
        parts = agent_pb2.ExecuteTaskSyncRequest(header=header), agent_pb2.ExecuteTaskSyncRequest(inputs=inputs)

        def first(requests: Any, timeout: float) -> Any:
            answers = self._sync.ExecuteTaskSync(iter(requests), timeout=timeout)
            return next(answers, None)

        response = self._call("ExecuteTaskSync", first, parts)
        if response is None or response.WhichOneof("res") != "header":
            raise ConnectorFault(
                "INTERNAL", f"connector {self._endpoint}: expected header in the response, but got none"
            )
        return response.header.resource

    def close(self) -> None:
        """Closes the connection; calls in progress fail."""
        self._channel.close()

    def _call(self, name: str, method: Callable[..., Any], request: Any) -> Any:
        try:
            return method(request, timeout=_TIMEOUT)
        except grpc.RpcError as error:
            code, details = error.code().name, error.details() or "no details"
            if code == "DEADLINE_EXCEEDED":
                details = f"no answer within {_TIMEOUT:g} s"
            raise ConnectorFault(code, f"connector {self._endpoint}: {name}: {code}: {details}") from None
        except ValueError as error:  # the channel was closed in between
            raise ConnectorFault("CANCELLED", f"connector {self._endpoint}: {name}: {error}") from None
