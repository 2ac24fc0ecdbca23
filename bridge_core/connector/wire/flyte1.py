"""Flyte 1's services (flyteidl ``service/agent.proto``): what FlytePropeller calls."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from flyteidl.admin import agent_pb2
from flyteidl.core import execution_pb2, literals_pb2, metrics_pb2
from flyteidl.service import agent_pb2 as service_pb2

from ...model.errors import BridgeError, InvalidRequest
from ..conversion import custom_struct, execution_of, inputs_of, template_of
from ..dispatcher import Refusal
from ..values import LogToken, TaskCategory
from .common import fingerprint, metric_pairs, pages, refuse, refusing
from .serving import add_service

if TYPE_CHECKING:
    from ..dispatcher import Answer, Dispatcher
    from ..registry import ConnectorMetadata

__all__ = ["SERVICES", "add_services"]

SERVICES = (
    "flyteidl.service.AsyncAgentService",
    "flyteidl.service.SyncAgentService",
    "flyteidl.service.AgentMetadataService",
)
_ORIGINATORS = {"user": 1, "system": 2}  # LogLineOriginator


def add_services(server: Any, dispatcher: Dispatcher) -> None:
    """Adds the three services to a server of grpc.aio."""
    for servicer, service in zip((_Jobs, _AtOnce, _Metadata), _services(), strict=True):
        add_service(server, service, servicer(dispatcher))


def _services() -> list[Any]:
    return [service_pb2.DESCRIPTOR.services_by_name[name.rpartition(".")[2]] for name in SERVICES]


class _Jobs:
    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    @refusing
    async def CreateTask(self, request: Any) -> Any:
        template = template_of(request.template)
        execution = execution_of(request.task_execution_metadata)
        arguments = {
            "task_template": template,
            "output_prefix": request.output_prefix,
            "inputs": inputs_of(request.inputs, template.inputs),
            "task_execution_metadata": execution,
        }
        known = fingerprint(request, known=execution.task_execution_id is not None)
        return agent_pb2.CreateTaskResponse(resource_meta=await self._dispatcher.create(template, arguments, known))

    @refusing
    async def GetTask(self, request: Any) -> Any:
        more = {"output_prefix": getattr(request, "output_prefix", "")}
        answer = await self._dispatcher.get(_category(request), request.resource_meta, more)
        return agent_pb2.GetTaskResponse(resource=_resource(answer))

    @refusing
    async def DeleteTask(self, request: Any) -> Any:
        await self._dispatcher.delete(_category(request), request.resource_meta, {})
        return agent_pb2.DeleteTaskResponse()

    @refusing
    async def GetTaskMetrics(self, request: Any) -> Any:
        more = {
            "queries": tuple(request.queries),
            "start_time": request.start_time,
            "end_time": request.end_time,
            "step": request.step,
        }
        given = await self._dispatcher.metrics(_category(request), request.resource_meta, more)
        if isinstance(given, agent_pb2.GetTaskMetricsResponse):
            return given
        results = [
            metrics_pb2.ExecutionMetricResult(metric=name, data=custom_struct(data))
            for name, data in metric_pairs(given)
        ]
        return agent_pb2.GetTaskMetricsResponse(results=results)

    async def GetTaskLogs(self, request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            more = {"lines": request.lines, "token": request.token}
            items = self._dispatcher.logs(_category(request), request.resource_meta, more)
            async for page in pages(items):
                if isinstance(page, LogToken):
                    yield agent_pb2.GetTaskLogsResponse(header=agent_pb2.GetTaskLogsResponseHeader(token=page.token))
                elif isinstance(page, list):
                    yield agent_pb2.GetTaskLogsResponse(body=_body(page))
                elif isinstance(page, agent_pb2.GetTaskLogsResponse):
                    yield page
                else:
                    raise InvalidRequest(f"get_logs: wanted lines, got a {page.DESCRIPTOR.full_name}")
        except (Refusal, BridgeError) as error:
            await refuse(context, error)


class _AtOnce:
    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    async def ExecuteTaskSync(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        try:
            first = await anext(requests, None)
            if first is None or first.WhichOneof("part") != "header":
                raise InvalidRequest("ExecuteTaskSync: the first message must be the header, with the task's template")
            template = template_of(first.header.template)
            inputs = literals_pb2.LiteralMap()
            async for part in requests:
                if part.WhichOneof("part") != "inputs":
                    raise InvalidRequest("ExecuteTaskSync: after the header come inputs")
                inputs.MergeFrom(part.inputs)
                break  # FlytePropeller sends one message of them, and may leave its side open
            arguments = {
                "task_template": template,
                "output_prefix": first.header.output_prefix,
                "inputs": inputs_of(inputs, template.inputs),
                "task_execution_metadata": execution_of(first.header.task_execution_metadata),
            }
            answer = await self._dispatcher.execute(template, arguments)
            header = agent_pb2.ExecuteTaskSyncResponseHeader(resource=_resource(answer, sync=True))
            yield agent_pb2.ExecuteTaskSyncResponse(header=header)
        except (Refusal, BridgeError) as error:
            await refuse(context, error)


class _Metadata:
    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    @refusing
    async def GetAgent(self, request: Any) -> Any:
        return agent_pb2.GetAgentResponse(agent=_agent(self._dispatcher.registry.get_connector_metadata(request.name)))

    @refusing
    async def ListAgents(self, request: Any) -> Any:  # noqa: ARG002 - the request is empty
        found = self._dispatcher.registry.list_connectors()
        return agent_pb2.ListAgentsResponse(agents=[_agent(one) for one in found])


def _category(request: Any) -> TaskCategory:
    """Requests of FlytePropeller before 1.12 name the task type only.

    Raises:
        InvalidRequest: It names none.
    """
    name = request.task_category.name or request.task_type
    if not name:
        raise InvalidRequest("the request names no task_category, and connectors are chosen by it")
    return TaskCategory(name, request.task_category.version)


def _agent(one: ConnectorMetadata) -> Any:
    return agent_pb2.Agent(
        name=one.name,
        is_sync=one.is_sync,
        supported_task_types=one.supported_task_types,
        supported_task_categories=[
            agent_pb2.TaskCategory(name=category.name, version=category.version)
            for category in one.supported_task_categories
        ],
    )


def _resource(answer: Answer, *, sync: bool = False) -> Any:
    resource = answer.resource
    out = agent_pb2.Resource(
        phase=int(resource.phase),
        message=resource.message or "",
        log_links=[execution_pb2.TaskLog(name=log.name, uri=log.uri) for log in resource.log_links or ()],
        outputs=answer.outputs,
        custom_info=custom_struct(resource.custom_info),
    )
    if sync and resource.error_code:
        out.agent_error.code = resource.error_code
    return out


def _body(lines: list[Any]) -> Any:
    body = agent_pb2.GetTaskLogsResponseBody(results=[line.message for line in lines])
    if "structured_lines" not in body.DESCRIPTOR.fields_by_name:  # flyteidl before 1.16
        return body
    for line in lines:
        entry = body.structured_lines.add(message=line.message, originator=_ORIGINATORS.get(line.originator, 0))
        if line.timestamp is not None:
            entry.timestamp.FromDatetime(line.timestamp)
    return body
