"""Flyte 1's services (flyteidl ``service/agent.proto``): what FlytePropeller calls."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from flyteidl.admin import agent_pb2
from flyteidl.core import execution_pb2, literals_pb2, metrics_pb2
from flyteidl.service import agent_pb2 as service_pb2

from ...model.errors import BridgeError, InvalidRequest
from ..answers import custom_struct
from ..dispatcher import Refusal
from .common import fingerprint, refuse, refusing
from .jobs import Jobs, category_of
from .names import FLYTE1 as SERVICES
from .serving import handlers_of

if TYPE_CHECKING:
    from ..dispatcher import Answer, Dispatcher
    from ..registry import ConnectorMetadata
    from ..values import TaskCategory

__all__ = ["handlers"]

_ORIGINATORS = {"user": 1, "system": 2}  # LogLineOriginator


def handlers(dispatcher: Dispatcher) -> dict[str, Any]:
    """Handlers of the three services, by path."""
    out: dict[str, Any] = {}
    for servicer, name in zip((_Jobs, _AtOnce, _Metadata), SERVICES, strict=True):
        service = service_pb2.DESCRIPTOR.services_by_name[name.rpartition(".")[2]]
        out |= handlers_of(service, servicer(dispatcher))
    return out


class _Jobs(Jobs):
    messages = agent_pb2
    metrics = metrics_pb2

    @refusing
    async def CreateTask(self, request: Any) -> Any:
        from ..conversion import execution_of, inputs_of, template_of

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

    def category(self, request: Any) -> TaskCategory:
        """Requests of FlytePropeller before 1.12 name the task type only."""
        return category_of(request.task_category.name or request.task_type, request.task_category.version)

    def resource(self, answer: Answer) -> Any:
        return _resource(answer)

    def body(self, lines: list[Any]) -> Any:
        body = agent_pb2.GetTaskLogsResponseBody(results=[line.message for line in lines])
        if "structured_lines" not in body.DESCRIPTOR.fields_by_name:  # flyteidl before 1.16
            return body
        for line in lines:
            entry = body.structured_lines.add(message=line.message, originator=_ORIGINATORS.get(line.originator, 0))
            if line.timestamp is not None:
                entry.timestamp.FromDatetime(line.timestamp)
        return body


class _AtOnce:
    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    async def ExecuteTaskSync(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        from ..conversion import execution_of, inputs_of, template_of

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
