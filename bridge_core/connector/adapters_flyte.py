"""The flyte SDK's connectors (Flyte 2), served by ours to both Flytes."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from .base import AsyncConnector
from .values import Resource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .execution import TaskExecutionMetadata
    from .task import TaskTemplate

__all__ = ["flyte_connectors"]


def flyte_connectors(flyte: Any) -> list[AsyncConnector[Any]]:
    """One for each connector in the SDK's registry.

    Args:
        flyte: Its module ``connectors._connector``, which somebody has imported.
    """
    found = flyte.ConnectorRegistry._REGISTRY.items()  # noqa: SLF001 - it lists names only
    return [_Flyte(flyte, connector, key.task_type_name, key.task_type_version) for key, connector in found]


class _Flyte(AsyncConnector[Any]):
    def __init__(self, flyte: Any, adapts: Any, task_type: str, version: int) -> None:
        self.adapts = adapts
        super().__init__(
            task_type_name=task_type,
            task_type_version=version,
            name=adapts.name,
            metadata_type=adapts.metadata_type,
        )
        self._flyte = flyte

    async def create(
        self,
        task_template: TaskTemplate,
        output_prefix: str,
        inputs: Mapping[str, Any],
        task_execution_metadata: TaskExecutionMetadata,
        **kwargs: Any,
    ) -> Any:
        given: dict[str, Any] = {
            "task_template": _again(self._flyte.tasks_pb2.TaskTemplate, task_template.message),
            "output_prefix": output_prefix,
            "inputs": dict(inputs),
        }
        if task_execution_metadata.message is not None:
            kind = self._flyte.TaskExecutionMetadata
            given["task_execution_metadata"] = _again(kind, task_execution_metadata.message)
        return await self.adapts.create(**given, **kwargs)

    async def get(self, resource_meta: Any, **kwargs: Any) -> Resource:
        kwargs.pop("output_prefix", None)  # the SDK's own server sends none
        found = await self.adapts.get(resource_meta=resource_meta, **kwargs)
        message = await self._flyte.get_resource_proto(found)
        return Resource(
            message.phase,
            message=message.message or None,
            log_links=list(message.log_links),
            outputs=_literal_map(message.outputs) if found.outputs else None,
            custom_info=found.custom_info,
        )

    async def delete(self, resource_meta: Any, **kwargs: Any) -> None:
        await self.adapts.delete(resource_meta=resource_meta, **kwargs)

    async def get_metrics(self, resource_meta: Any, **kwargs: Any) -> Any:
        return await self.adapts.get_metrics(resource_meta=resource_meta)

    async def get_logs(self, resource_meta: Any, token: str = "", **kwargs: Any) -> Any:
        found = self.adapts.get_logs(resource_meta=resource_meta, token=token)
        return found if inspect.isasyncgen(found) else await found


def _again(kind: Any, message: Any) -> Any:
    """A message of Flyte 1 as its twin of Flyte 2: the same fields in another package."""
    return kind.FromString(message.SerializeToString())


def _literal_map(outputs: Any) -> Any:
    from flyteidl.core import literals_pb2

    out = literals_pb2.LiteralMap()
    for pair in outputs.literals:
        out.literals[pair.name].ParseFromString(pair.value.SerializeToString())
    return out
