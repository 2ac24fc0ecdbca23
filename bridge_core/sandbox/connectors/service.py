"""`Service`: the calls that FlytePropeller makes to one connector service (flyteidl ``service/agent.proto``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import agent_pb2
from flyteidl.service import agent_pb2_grpc

from .channel import ConnectorChannel
from .fault import ConnectorFault

if TYPE_CHECKING:
    from ..store.jobs import Job

__all__ = ["Service"]


class Service(ConnectorChannel):
    """One endpoint, asked as Flyte 1 asks."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint)
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

    def get(self, job: Job) -> Any:
        """The state of a job, a ``Resource``."""
        request = agent_pb2.GetTaskRequest(
            task_type=job.task_type, task_category=_category(job), resource_meta=job.resource_meta
        )
        if "output_prefix" in request.DESCRIPTOR.fields_by_name:  # flyteidl 1.15
            request.output_prefix = job.output_prefix
        return self._call("GetTask", self._async.GetTask, request).resource

    def delete(self, job: Job) -> None:
        """Stops a job."""
        request = agent_pb2.DeleteTaskRequest(
            task_type=job.task_type, task_category=_category(job), resource_meta=job.resource_meta
        )
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


def _category(job: Job) -> Any:
    return agent_pb2.TaskCategory(name=job.task_type, version=job.version)
