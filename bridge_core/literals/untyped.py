"""Reading a literal without its type.

A literal lacks only two things of its type: the columns of a frame, where they were left out, and which whole numbers of a
Struct were ints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .blobs import blob_reference
from .coder import kind_of
from .packing import unpack
from .problems import MAX_DEPTH, Where, refusal
from .scalars import error_value
from .struct_values import struct_to_plain
from .structured_dataset import frame_reference, schema_reference
from .times import read_datetime, read_duration

if TYPE_CHECKING:
    from flyteidl.core.literals_pb2 import Literal

__all__ = ["read_any"]


def read_any(literal: Literal, where: Where, depth: int = 0) -> Any:
    """Plain Python for any literal.

    Raises:
        LiteralError: Damaged, offloaded, empty, or nested deeper than `MAX_DEPTH`.
    """
    if depth > MAX_DEPTH:
        raise refusal(where, f"nested deeper than {MAX_DEPTH} levels")
    kind = literal.WhichOneof("value")
    if kind == "collection":
        return [read_any(item, (where, i), depth + 1) for i, item in enumerate(literal.collection.literals)]
    if kind == "map":
        return {key: read_any(item, (where, key), depth + 1) for key, item in literal.map.literals.items()}
    kind = kind_of(literal)
    if kind == "union":
        return read_any(literal.scalar.union.value, where, depth + 1)
    if kind == "offloaded":
        raise refusal(
            where, f"is offloaded to {literal.offloaded_metadata.uri}; fetch it and use replace_offloaded() first"
        )
    return _read_scalar(kind, literal, where)


def _read_scalar(kind: str, literal: Literal, where: Where) -> Any:
    scalar = literal.scalar
    if kind in ("integer", "float_value", "string_value", "boolean"):
        return getattr(scalar.primitive, kind)
    if kind == "binary":
        return unpack(scalar.binary.value, where) if scalar.binary.tag == "msgpack" else scalar.binary.value
    if kind == "none_type":
        return None
    if kind == "generic":
        return struct_to_plain(scalar.generic, where)
    if kind == "blob":
        return blob_reference(literal)
    if kind == "structured_dataset":
        return frame_reference(literal)
    if kind == "schema":
        return schema_reference(literal)
    if kind == "error":
        return error_value(literal)
    if kind == "datetime":
        return read_datetime(literal, where)
    if kind == "duration":
        return read_duration(literal, where)
    raise refusal(where, "an empty literal holds no value")
