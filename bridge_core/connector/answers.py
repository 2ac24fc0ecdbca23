"""What a connector answers, as flyteidl's messages. Apart from `conversion`, which the first answers of a service do without."""

from __future__ import annotations

import collections.abc
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flyteidl.core import literals_pb2
from google.protobuf import struct_pb2

from ..model.errors import InvalidRequest, LiteralError, Unsupported

if TYPE_CHECKING:
    from .values import Resource

__all__ = ["custom_struct", "literals_of", "outputs_of"]

_LOOKED_AT = 1000


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
    from ..literals.codec import Codec

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
        kinds = {_key(found): found for found in (_type_of(item, path) for item in value[:_LOOKED_AT])}
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


def _key(kind: Any) -> bytes:
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
