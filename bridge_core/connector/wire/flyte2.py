"""Flyte 2's services (flyteidl2 ``connector/service.proto``): what its executor calls.

Tasks, literals and types of Flyte 2 are those of Flyte 1 in other packages, field by field, so they are read again as Flyte 1's
messages and everything behind this file is the same for both. What only Flyte 2 has: inputs and outputs are lists of names and
values, there are no sync connectors, and secrets and settings of a connection come with each call.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from flyteidl.admin import agent_pb2
from flyteidl.core import literals_pb2, tasks_pb2
from flyteidl2.connector import connector_pb2, service_pb2
from flyteidl2.core import execution_pb2, metrics_pb2
from flyteidl2.logs.dataplane import payload_pb2
from flyteidl2.task import common_pb2

from ...model.errors import BridgeError, InvalidRequest
from ..conversion import custom_struct, execution_of, inputs_of, template_of
from ..dispatcher import Refusal
from ..masks import remember
from ..values import LogToken, TaskCategory
from .common import fingerprint, metric_pairs, pages, refuse, refusing
from .serving import add_service

if TYPE_CHECKING:
    from ..dispatcher import Answer, Dispatcher
    from ..registry import ConnectorMetadata

__all__ = ["SERVICES", "add_services"]

SERVICES = ("flyteidl2.connector.AsyncConnectorService", "flyteidl2.connector.ConnectorMetadataService")
_ORIGINATORS = {"user": payload_pb2.USER, "system": payload_pb2.SYSTEM}


def add_services(server: Any, dispatcher: Dispatcher) -> None:
    """Adds both services to a server of grpc.aio."""
    for servicer, name in zip((_Jobs, _Metadata), SERVICES, strict=True):
        add_service(server, service_pb2.DESCRIPTOR.services_by_name[name.rpartition(".")[2]], servicer(dispatcher))


class _Jobs:
    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    @refusing
    async def CreateTask(self, request: Any) -> Any:
        template = template_of(tasks_pb2.TaskTemplate.FromString(request.template.SerializeToString()))
        metadata = agent_pb2.TaskExecutionMetadata.FromString(request.task_execution_metadata.SerializeToString())
        execution = execution_of(metadata)
        arguments = {
            **_connection(request),
            "task_template": template,
            "output_prefix": request.output_prefix,
            "inputs": inputs_of(_literal_map(request.inputs), template.inputs),
            "task_execution_metadata": execution,
        }
        known = fingerprint(request, known=execution.task_execution_id is not None)
        return connector_pb2.CreateTaskResponse(resource_meta=await self._dispatcher.create(template, arguments, known))

    @refusing
    async def GetTask(self, request: Any) -> Any:
        more = {**_connection(request), "output_prefix": request.output_prefix}
        answer = await self._dispatcher.get(_category(request), request.resource_meta, more)
        return connector_pb2.GetTaskResponse(resource=_resource(answer))

    @refusing
    async def DeleteTask(self, request: Any) -> Any:
        await self._dispatcher.delete(_category(request), request.resource_meta, _connection(request))
        return connector_pb2.DeleteTaskResponse()

    @refusing
    async def GetTaskMetrics(self, request: Any) -> Any:
        more = {
            "queries": tuple(request.queries),
            "start_time": request.start_time,
            "end_time": request.end_time,
            "step": request.step,
        }
        given = await self._dispatcher.metrics(_category(request), request.resource_meta, more)
        if isinstance(given, connector_pb2.GetTaskMetricsResponse):
            return given
        results = [
            metrics_pb2.ExecutionMetricResult(metric=name, data=custom_struct(data))
            for name, data in metric_pairs(given)
        ]
        return connector_pb2.GetTaskMetricsResponse(results=results)

    async def GetTaskLogs(self, request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            more = {"lines": request.lines, "token": request.token}
            async for page in pages(self._dispatcher.logs(_category(request), request.resource_meta, more)):
                if isinstance(page, LogToken):
                    header = connector_pb2.GetTaskLogsResponseHeader(token=page.token)
                    yield connector_pb2.GetTaskLogsResponse(header=header)
                elif isinstance(page, list):
                    yield connector_pb2.GetTaskLogsResponse(body=_body(page))
                elif isinstance(page, connector_pb2.GetTaskLogsResponse):
                    yield page
                else:
                    raise InvalidRequest(f"get_logs: wanted lines, got a {page.DESCRIPTOR.full_name}")
        except (Refusal, BridgeError) as error:
            await refuse(context, error)


class _Metadata:
    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    @refusing
    async def GetConnector(self, request: Any) -> Any:
        found = self._dispatcher.registry.get_connector_metadata(request.name)
        return connector_pb2.GetConnectorResponse(connector=_connector(found))

    @refusing
    async def ListConnectors(self, request: Any) -> Any:  # noqa: ARG002 - the request is empty
        found = [one for one in self._dispatcher.registry.list_connectors() if not one.is_sync]
        return connector_pb2.ListConnectorsResponse(connectors=[_connector(one) for one in found])


def _connection(request: Any) -> dict[str, Any]:
    """Secrets and settings as keywords, as the flyte SDK's server passes them; the secrets are masked from now on."""
    for value in request.connection.secrets.values():
        remember(value)
    return {**request.connection.secrets, **request.connection.configs}


def _category(request: Any) -> TaskCategory:
    if not request.task_category.name:
        raise InvalidRequest("the request names no task_category, and connectors are chosen by it")
    return TaskCategory(request.task_category.name, request.task_category.version)


def _literal_map(inputs: Any) -> Any:
    out = literals_pb2.LiteralMap()
    for pair in inputs.literals:
        out.literals[pair.name].ParseFromString(pair.value.SerializeToString())
    return out


def _connector(one: ConnectorMetadata) -> Any:
    return connector_pb2.Connector(
        name=one.name,
        supported_task_categories=[
            connector_pb2.TaskCategory(name=category.name, version=category.version)
            for category in one.supported_task_categories
        ],
    )


def _resource(answer: Answer) -> Any:
    resource = answer.resource
    out = connector_pb2.Resource(
        phase=int(resource.phase),
        message=resource.message or "",
        log_links=[execution_pb2.TaskLog(name=log.name, uri=log.uri) for log in resource.log_links or ()],
        custom_info=custom_struct(resource.custom_info),
    )
    if answer.outputs is not None:
        outputs = common_pb2.Outputs()
        for name in sorted(answer.outputs.literals):
            pair = outputs.literals.add(name=name)
            pair.value.ParseFromString(answer.outputs.literals[name].SerializeToString())
        out.outputs.CopyFrom(outputs)
    return out


def _body(lines: list[Any]) -> Any:
    body = connector_pb2.GetTaskLogsResponseBody(results=[line.message for line in lines])
    for line in lines:
        entry = body.lines.add(message=line.message, originator=_ORIGINATORS.get(line.originator, payload_pb2.UNKNOWN))
        if line.timestamp is not None:
            entry.timestamp.FromDatetime(line.timestamp)
    return body
