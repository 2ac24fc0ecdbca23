"""flytekit's connectors, served by ours: its models are made from what Flyte sent, its answers are put into our terms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .base import AsyncConnector, SyncConnector
from .values import Resource, ResourceMeta

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .execution import TaskExecutionMetadata
    from .task import TaskTemplate

__all__ = ["flytekit_connectors"]


def flytekit_connectors(flytekit: Any) -> list[AsyncConnector[Any] | SyncConnector]:
    """One for each connector in flytekit's registry.

    Args:
        flytekit: Its module ``extend.backend.base_connector``, which somebody has imported.
    """
    out: list[AsyncConnector[Any] | SyncConnector] = []
    for category, connector in flytekit.ConnectorRegistry._REGISTRY.items():  # noqa: SLF001 - it lists names only
        kind = _FlytekitSync if isinstance(connector, flytekit.SyncConnectorBase) else _FlytekitAsync
        out.append(kind(flytekit, connector, category.name, category.version))
    return out


class _FlytekitAsync(AsyncConnector[Any]):
    def __init__(self, flytekit: Any, adapts: Any, task_type: str, version: int) -> None:
        self.adapts = adapts
        super().__init__(
            task_type_name=task_type,
            task_type_version=version,
            name=adapts.name,
            metadata_type=_meta_type(adapts.metadata_type),
        )
        self._flytekit = flytekit
        self._call = flytekit.mirror_async_methods

    async def create(
        self,
        task_template: TaskTemplate,
        output_prefix: str,
        inputs: Mapping[str, Any],
        task_execution_metadata: TaskExecutionMetadata,
        **kwargs: Any,
    ) -> Any:
        given = _arguments(self._flytekit, task_template, output_prefix, inputs)
        if task_execution_metadata.message is not None:
            model = self._flytekit.TaskExecutionMetadata
            given["task_execution_metadata"] = model.from_flyte_idl(task_execution_metadata.message)
        return await self._call(self.adapts.create, **given)

    async def get(self, resource_meta: Any, **kwargs: Any) -> Resource:
        return await _resource(await self._call(self.adapts.get, resource_meta=resource_meta))

    async def delete(self, resource_meta: Any, **kwargs: Any) -> None:
        await self._call(self.adapts.delete, resource_meta=resource_meta)

    async def get_metrics(self, resource_meta: Any, **kwargs: Any) -> Any:
        return await self._call(self.adapts.get_metrics, resource_meta=resource_meta)

    async def get_logs(self, resource_meta: Any, **kwargs: Any) -> Any:
        return await self._call(self.adapts.get_logs, resource_meta=resource_meta)


class _FlytekitSync(SyncConnector):
    def __init__(self, flytekit: Any, adapts: Any, task_type: str, version: int) -> None:
        self.adapts = adapts
        super().__init__(task_type_name=task_type, task_type_version=version, name=adapts.name)
        self._flytekit = flytekit
        self._call = flytekit.mirror_async_methods

    async def do(
        self, task_template: TaskTemplate, output_prefix: str, inputs: Mapping[str, Any], **kwargs: Any
    ) -> Resource:
        given = _arguments(self._flytekit, task_template, output_prefix, inputs)
        return await _resource(await self._call(self.adapts.do, **given))


def _arguments(flytekit: Any, template: TaskTemplate, output_prefix: str, inputs: Any) -> dict[str, Any]:
    from flyteidl.core import literals_pb2

    literals = literals_pb2.LiteralMap(literals=dict(inputs.literals))
    return {
        "task_template": flytekit.TaskTemplate.from_flyte_idl(template.message),
        "inputs": flytekit.LiteralMap.from_flyte_idl(literals),
        "output_prefix": output_prefix,
    }


async def _resource(resource: Any) -> Resource:
    """Ours; its outputs are encoded by flytekit, which knows its own types."""
    from google.protobuf.json_format import MessageToDict

    message = await resource.to_flyte_idl()
    return Resource(
        message.phase,
        message=message.message or None,
        log_links=list(message.log_links),
        outputs=message.outputs if resource.outputs is not None else None,
        custom_info=MessageToDict(message.custom_info) if message.HasField("custom_info") else None,
    )


def _meta_type(metadata_type: Any) -> Any:
    """Its class, or one with its two methods: connectors of flytekit may name any type that has them."""
    decode: Callable[[bytes], Any] | None = getattr(metadata_type, "decode", None)
    return metadata_type if callable(decode) else ResourceMeta
