"""flyteidl's messages and the values of connectors, in both directions. No I/O except for literals that Flyte offloaded."""

from __future__ import annotations

import collections.abc
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flyteidl.core import literals_pb2
from google.protobuf import struct_pb2
from google.protobuf.message import DecodeError

from ..model.errors import InvalidRequest, LiteralError, Unsupported
from ..model.ids import EntityKind, EntityRef, RunRef
from .execution import Identity, NodeExecutionId, TaskExecutionId, TaskExecutionMetadata
from .task import TaskContainer, TaskInputs, TaskTemplate

if TYPE_CHECKING:
    from .values import Resource

__all__ = ["custom_struct", "execution_of", "inputs_of", "literals_of", "outputs_of", "template_of"]

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


def outputs_of(resource: Resource, types: Mapping[str, Any]) -> Any:
    """The ``LiteralMap`` for outputs that a connector gave; None when it gave none.

    Args:
        resource: What it gave.
        types: As the task declares them; empty when it declares none, or nobody knows: the values' own types count.

    Raises:
        LiteralError: They do not fit; one line per problem.
    """
    given = resource.outputs
    if given is None:
        return None
    if not isinstance(given, collections.abc.Mapping):
        return _literal_map(given)
    if types:
        missing = [f"outputs.{name}: missing; the task declares it" for name in sorted(types) if name not in given]
        unknown = [
            f"outputs.{name}: the task declares no such output; it has {', '.join(sorted(types))}"
            for name in given
            if name not in types
        ]
        if missing or unknown:
            raise LiteralError("; ".join(missing + unknown), problems=tuple(missing + unknown))
    return literals_of(given, types)


def literals_of(values: Mapping[str, Any], types: Mapping[str, Any], *, what: str = "outputs") -> Any:
    """Python values as a ``LiteralMap``; those without a type by their own.

    Raises:
        LiteralError: A value does not fit its type.
        Unsupported: A value is a file or frame of this machine.
    """
    from ..literals.codec import Codec  # here, because a service answers its first questions sooner without it

    out = literals_pb2.LiteralMap()
    codec = Codec.default()
    for name, value in values.items():
        kind = types[name] if name in types else _type_of(value, f"{what}.{name}")
        encoded = codec.encode(value, kind, path=f"{what}.{name}")
        if encoded.uploads:
            raise Unsupported(
                f"{', '.join(upload.path for upload in encoded.uploads)}: is a file or frame of this machine; a connector gives "
                "URIs (FileRef, DirectoryRef, FrameRef) of what the job left in a store"
            )
        out.literals[name].CopyFrom(encoded.literal)
    return out


def _literal_map(given: Any) -> Any:
    """A ``LiteralMap`` of flyteidl, or of an SDK, which has ``to_flyte_idl``."""
    message = given.to_flyte_idl() if hasattr(given, "to_flyte_idl") else given
    if not isinstance(message, literals_pb2.LiteralMap):
        raise LiteralError(f"outputs: wanted a mapping of names to values or a LiteralMap, got {type(given).__name__}")
    return message


def _type_of(value: Any, path: str) -> Any:
    """The Flyte type of a value that nobody declared."""
    from ..literals.python_types import literal_type

    if isinstance(value, list):
        kinds = {literals_key(_type_of(item, path)): _type_of(item, path) for item in value[:_LOOKED_AT]}
        if len(kinds) == 1:
            from flyteidl.core import types_pb2

            return types_pb2.LiteralType(collection_type=next(iter(kinds.values())))
        kind: Any = list[dict[str, Any]] if not kinds else None
    else:
        kind = type(value)
    try:
        if kind is None:
            raise InvalidRequest("a list of values of several types has no Flyte type")
        return literal_type(kind)
    except InvalidRequest as error:
        text = f"{path}: {error.message}; declare the output in the task's interface"
        raise LiteralError(text, problems=(text,)) from None


_LOOKED_AT = 1000


def literals_key(kind: Any) -> bytes:
    """To compare types by."""
    raw: bytes = kind.SerializeToString(deterministic=True)
    return raw


def custom_struct(info: Mapping[str, Any] | None) -> Any:
    """Plain data as a protobuf Struct; None for none.

    Raises:
        InvalidRequest: It is no plain data.
    """
    if not info:
        return None
    out = struct_pb2.Struct()
    try:
        out.update(dict(info))
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidRequest(f"custom_info: wanted plain data (texts, numbers, lists, dicts): {error}") from None
    return out
