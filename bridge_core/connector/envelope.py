"""Output types that travel with a resource meta.

Flyte asks for a job with its resource meta only, so a service that was restarted in between would not know how the task
declared its outputs, and `3` for a FLOAT would come out as an INTEGER. What a connector encoded is therefore followed by the
declared types. Where it is a JSON object, as `ResourceMeta.encode` writes, they become one more member of it, so that other
readers still read it; tasks without outputs keep their bytes as they are.
"""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..model.errors import InvalidRequest

if TYPE_CHECKING:
    from flyteidl.core.types_pb2 import LiteralType

__all__ = ["opened", "sealed"]

_MEMBER = b'"_outputs": "'
_TAIL = b'"}'
_PREFIX = b"flyte-bridge-outputs:"


def sealed(meta: bytes, outputs: Mapping[str, LiteralType]) -> bytes:
    """What Flyte stores.

    Args:
        meta: As the connector encoded it.
        outputs: As the task declares them.
    """
    if not outputs:
        return meta
    from flyteidl.core import interface_pb2

    variables = interface_pb2.VariableMap()
    for name in sorted(outputs):
        variables.variables[name].type.CopyFrom(outputs[name])
    types = b64encode(zlib.compress(variables.SerializeToString(deterministic=True)))
    if meta.startswith(b"{") and meta.endswith(b"}") and _is_json(meta):
        comma = b"" if meta[1:-1].strip() == b"" else b", "
        return meta[:-1] + comma + _MEMBER + types + _TAIL
    return _PREFIX + types + b":" + meta


def opened(data: bytes) -> tuple[bytes, dict[str, Any]]:
    """What the connector encoded, and the output types.

    Raises:
        InvalidRequest: The types are damaged.
    """
    if data.startswith(_PREFIX):
        types, _, meta = data[len(_PREFIX) :].partition(b":")
        return meta, _types(types)
    if data.endswith(_TAIL) and (at := data.rfind(_MEMBER)) >= 0:
        types = data[at + len(_MEMBER) : -len(_TAIL)]
        return data[:at].removesuffix(b", ") + b"}", _types(types)
    return data, {}


def _types(text: bytes) -> dict[str, Any]:
    from flyteidl.core import interface_pb2
    from google.protobuf.message import DecodeError

    try:
        unpacker = zlib.decompressobj()
        raw = unpacker.decompress(b64decode(text, validate=True), _LARGEST)
        variables = interface_pb2.VariableMap.FromString(raw)
    except (ValueError, zlib.error, DecodeError):
        raise InvalidRequest(
            "resource meta: the output types in it are damaged; it is not what CreateTask gave"
        ) from None
    return {name: variable.type for name, variable in variables.variables.items()}


_LARGEST = 16 << 20
"""Bytes that types may take when unpacked: whoever sends a resource meta may have made it up."""


def _is_json(meta: bytes) -> bool:
    import json

    try:
        json.loads(meta)
    except (ValueError, RecursionError):
        return False
    return True
