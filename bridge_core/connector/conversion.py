"""What Flyte sends with a task, as the values that connectors get. No I/O except for literals that Flyte offloaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flyteidl.core import literals_pb2
from google.protobuf.message import DecodeError

from ..model.errors import InvalidRequest, LiteralError
from ..model.ids import EntityKind, EntityRef, RunRef
from .execution import Identity, NodeExecutionId, TaskExecutionId, TaskExecutionMetadata
from .task import TaskContainer, TaskInputs, TaskTemplate

__all__ = ["execution_of", "inputs_of", "template_of"]

_NANOS = 1e9


def template_of(message: Any) -> TaskTemplate:
    """A task, from flyteidl's ``TaskTemplate``.

    Raises:
        InvalidRequest: It has no task type.
    """
    if not message.type:
        raise InvalidRequest("the task template has no type, and connectors are chosen by it")
    from ..literals.struct_values import struct_to_plain

    container = None
    if message.HasField("container"):
        found = message.container
        container = TaskContainer(
            image=found.image,
            command=tuple(found.command),
            args=tuple(found.args),
            env={pair.key: pair.value for pair in found.env},
        )
    timeout = message.metadata.timeout.seconds + message.metadata.timeout.nanos / _NANOS
    return TaskTemplate(
        type=message.type,
        id=_entity(message.id),
        task_type_version=message.task_type_version,
        custom=_whole(struct_to_plain(message.custom, (None, "custom"))),
        config=dict(message.config),
        inputs={name: variable.type for name, variable in message.interface.inputs.variables.items()},
        outputs={name: variable.type for name, variable in message.interface.outputs.variables.items()},
        container=container,
        retries=message.metadata.retries.retries,
        timeout=timeout if timeout > 0 else None,
        message=message,
    )


def _entity(identifier: Any) -> EntityRef | None:
    if not identifier.name:
        return None
    return EntityRef(
        EntityKind.TASK, identifier.name, identifier.project, identifier.domain, identifier.version or None
    )


def _whole(value: Any) -> Any:
    """Whole floats as ints: a Struct has no ints, and people configured some."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return value


def execution_of(message: Any) -> TaskExecutionMetadata:
    """Whose task it is, from flyteidl's ``TaskExecutionMetadata``."""
    identifier = message.task_execution_id
    node = identifier.node_execution_id
    run = node.execution_id
    found = None
    if run.name:
        where = RunRef(run.project, run.domain, run.name)
        found = TaskExecutionId(
            NodeExecutionId(node.node_id, where), _entity(identifier.task_id), identifier.retry_attempt
        )
    return TaskExecutionMetadata(
        task_execution_id=found,
        namespace=message.namespace,
        labels=dict(message.labels),
        annotations=dict(message.annotations),
        k8s_service_account=message.k8s_service_account,
        environment_variables=dict(message.environment_variables),
        max_attempts=message.max_attempts,
        interruptible=message.interruptible,
        identity=Identity(
            message.identity.iam_role, message.identity.k8s_service_account, message.identity.execution_identity
        ),
        message=message,
    )


def inputs_of(literals: Any, types: Mapping[str, Any]) -> TaskInputs:
    """The inputs of a task, decoded when they are asked for.

    Args:
        literals: A ``LiteralMap``.
        types: As the task declares them.
    """
    found = literals.literals

    def decode(name: str) -> Any:
        from ..literals.codec import Codec

        return Codec.default().decode(_fetched(found[name]), types.get(name), path=f"inputs.{name}")

    return TaskInputs(found, decode)


def _fetched(literal: Any) -> Any:
    """The literal itself, where Flyte stored a big one elsewhere."""
    if literal.WhichOneof("value") != "offloaded_metadata":
        return literal
    from ..config import Config
    from ..storage.store import Store

    uri = literal.offloaded_metadata.uri
    with Store(Config.auto()).open(uri) as stream:
        raw = stream.read()
    try:
        return literals_pb2.Literal.FromString(raw)
    except DecodeError:
        raise LiteralError(f"the literal at {uri} is damaged") from None
