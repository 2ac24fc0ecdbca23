"""Connector tasks of ours, written for the wire."""

from __future__ import annotations

from typing import Any

from flyteidl.admin import description_entity_pb2, task_pb2
from flyteidl.core import identifier_pb2, tasks_pb2

from ..literals.python_types import literal_type
from ..model.connector_tasks import ConnectorTask
from ..model.errors import InvalidRequest

__all__ = ["connector_task_spec"]

_NANOS = 1_000_000_000


def connector_task_spec(task: ConnectorTask, *, runtime: str) -> task_pb2.TaskSpec:
    """One task for the wire, its identifier holding the name only.

    Args:
        task: The task.
        runtime: Version of what writes it.

    Raises:
        InvalidRequest: A type that Flyte does not have, or settings that are no plain data.
    """
    template = tasks_pb2.TaskTemplate(type=task.task_type, task_type_version=task.task_type_version)
    template.id.resource_type, template.id.name = identifier_pb2.TASK, task.name
    metadata = template.metadata
    metadata.runtime.type, metadata.runtime.version = tasks_pb2.RuntimeMetadata.OTHER, runtime
    metadata.runtime.flavor = "flyte-bridge"
    metadata.retries.retries = task.retries
    if task.timeout is not None:
        assert isinstance(task.timeout, float)
        metadata.timeout.FromNanoseconds(round(task.timeout * _NANOS))
    if task.cache:
        metadata.discoverable, metadata.discovery_version = True, task.cache
    template.interface.inputs.SetInParent()
    template.interface.outputs.SetInParent()
    for variables, declared, what in (
        (template.interface.inputs.variables, task.inputs, "input"),
        (template.interface.outputs.variables, task.outputs, "output"),
    ):
        for name, kind in declared.items():
            variables[name].type.CopyFrom(_typed(task, what, name, kind))
    template.config.update(task.config)
    template.custom.SetInParent()  # Flyte 2 looks for a connection there, and fails tasks that have no custom at all
    try:
        template.custom.update(dict(task.custom))
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidRequest(
            f"task {task.name!r}: custom: wanted plain data (texts, numbers, lists, dicts): {error}"
        ) from None
    spec = task_pb2.TaskSpec(template=template)
    if task.description:
        short = task.description.strip().splitlines()[0]
        spec.description.CopyFrom(description_entity_pb2.DescriptionEntity(short_description=short))
        spec.description.long_description.value = task.description
    return spec


def _typed(task: ConnectorTask, what: str, name: str, kind: Any) -> Any:
    try:
        return literal_type(kind)
    except InvalidRequest as error:
        raise error.with_message(f"task {task.name!r}: {what} {name!r}: {error.message}") from None
