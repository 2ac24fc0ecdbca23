"""Flyte 2's services (flyteidl2 ``connector/service.proto``): what its executor calls.

Tasks, literals and types of Flyte 2 are those of Flyte 1 in other packages, field by field, so they are read again as Flyte 1's
messages and everything behind this file is the same for both. What only Flyte 2 has: inputs and outputs are lists of names and
values, there are no sync connectors, and secrets and settings of a connection come with each call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import agent_pb2
from flyteidl.core import literals_pb2, tasks_pb2
from flyteidl2.connector import connector_pb2, service_pb2
from flyteidl2.core import execution_pb2, metrics_pb2
from flyteidl2.logs.dataplane import payload_pb2
from flyteidl2.task import common_pb2

from ..answers import custom_struct
from ..masks import remember
from .common import fingerprint, refusing
from .jobs import Jobs, category_of
from .names import FLYTE2 as SERVICES
from .serving import handlers_of

if TYPE_CHECKING:
    from ..dispatcher import Answer, Dispatcher
    from ..registry import ConnectorMetadata
    from ..values import TaskCategory

__all__ = ["handlers"]

_ORIGINATORS = {"user": payload_pb2.USER, "system": payload_pb2.SYSTEM}


def handlers(dispatcher: Dispatcher) -> dict[str, Any]:
    """Handlers of both services, by path."""
    out: dict[str, Any] = {}
    for servicer, name in zip((_Jobs, _Metadata), SERVICES, strict=True):
        service = service_pb2.DESCRIPTOR.services_by_name[name.rpartition(".")[2]]
        out |= handlers_of(service, servicer(dispatcher))
    return out


class _Jobs(Jobs):
    messages = connector_pb2
    metrics = metrics_pb2

    @refusing
    async def CreateTask(self, request: Any) -> Any:
        from ..conversion import execution_of, inputs_of, template_of

        template = template_of(tasks_pb2.TaskTemplate.FromString(request.template.SerializeToString()))
        metadata = agent_pb2.TaskExecutionMetadata.FromString(request.task_execution_metadata.SerializeToString())
        execution = execution_of(metadata)
        arguments = {
            **self.connection(request),
            "task_template": template,
            "output_prefix": request.output_prefix,
            "inputs": inputs_of(_literal_map(request.inputs), template.inputs),
            "task_execution_metadata": execution,
        }
        known = fingerprint(request, known=execution.task_execution_id is not None)
        return connector_pb2.CreateTaskResponse(resource_meta=await self._dispatcher.create(template, arguments, known))

    def category(self, request: Any) -> TaskCategory:
        return category_of(request.task_category.name, request.task_category.version)

    def connection(self, request: Any) -> dict[str, Any]:
        """As the flyte SDK's server passes them; the secrets are masked from now on."""
        for value in request.connection.secrets.values():
            remember(value)
        return {**request.connection.secrets, **request.connection.configs}

    def resource(self, answer: Answer) -> Any:
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

    def body(self, lines: list[Any]) -> Any:
        body = connector_pb2.GetTaskLogsResponseBody(results=[line.message for line in lines])
        for line in lines:
            entry = body.lines.add(
                message=line.message, originator=_ORIGINATORS.get(line.originator, payload_pb2.UNKNOWN)
            )
            if line.timestamp is not None:
                entry.timestamp.FromDatetime(line.timestamp)
        return body


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
