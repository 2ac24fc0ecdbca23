"""`Flyte2Service`: the calls that the executor of Flyte 2 makes to one connector service (flyteidl2 ``connector/service.proto``).

After flyteplugins ``plugins/webapi/connector/plugin.go`` of Flyte 2. There are no sync connectors any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl2.connector import connector_pb2, service_pb2_grpc
from flyteidl2.core import security_pb2
from google.protobuf import json_format

from .channel import ConnectorChannel
from .fault import ConnectorFault

if TYPE_CHECKING:
    from ..store.jobs import Job

__all__ = ["Flyte2Service", "connection_of"]


class Flyte2Service(ConnectorChannel):
    """One endpoint, asked as Flyte 2 asks."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint)
        self._metadata = service_pb2_grpc.ConnectorMetadataServiceStub(self._channel)
        self._async = service_pb2_grpc.AsyncConnectorServiceStub(self._channel)

    def categories(self) -> dict[tuple[str, int], bool]:
        """Type and version of the tasks it runs; none answers at once. Nothing for a service that cannot say."""
        request = connector_pb2.ListConnectorsRequest()
        try:
            response = self._call("ListConnectors", self._metadata.ListConnectors, request)
        except ConnectorFault as fault:
            if fault.code == "UNIMPLEMENTED":
                return {}
            raise
        return {
            (category.name, category.version): False
            for connector in response.connectors
            for category in connector.supported_task_categories
        }

    def create(self, request: Any) -> bytes:
        """Starts a job; returns what `get` and `delete` find it by: the GetTaskRequest, which has the connection, too."""
        found = self._call("CreateTask", self._async.CreateTask, request)
        template = request.template
        asked = connector_pb2.GetTaskRequest(
            task_category=connector_pb2.TaskCategory(name=template.type, version=template.task_type_version),
            resource_meta=found.resource_meta,
            output_prefix=request.output_prefix,
            connection=request.connection,
        )
        return bytes(asked.SerializeToString())

    def get(self, job: Job) -> Any:
        """The state of a job, a ``Resource``."""
        request = connector_pb2.GetTaskRequest.FromString(job.resource_meta)
        return self._call("GetTask", self._async.GetTask, request).resource

    def delete(self, job: Job) -> None:
        """Stops a job."""
        known = connector_pb2.GetTaskRequest.FromString(job.resource_meta)
        request = connector_pb2.DeleteTaskRequest(
            task_category=known.task_category, resource_meta=known.resource_meta, connection=known.connection
        )
        self._call("DeleteTask", self._async.DeleteTask, request)


def connection_of(template: Any) -> Any:
    """The connection that a task's ``custom`` describes. Its secrets are empty, as in the open-source backend (``setup.go``)."""
    connection = security_pb2.Connection()
    json_format.ParseDict(json_format.MessageToDict(template.custom), connection, ignore_unknown_fields=True)
    for name in connection.secrets:
        connection.secrets[name] = ""
    return connection
