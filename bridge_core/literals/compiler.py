"""From a `LiteralType` to its `Coder`: the one place that knows which class does which type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flyteidl.core import types_pb2

from .blobs import BlobCoder
from .collections import ListCoder, MapCoder
from .describe import describe_type
from .problems import MAX_DEPTH
from .scalars import (
    BinaryCoder,
    BooleanCoder,
    ErrorCoder,
    FloatCoder,
    IntegerCoder,
    NoneCoder,
    StringCoder,
)
from .structured_dataset import FrameCoder, SchemaCoder
from .times import DatetimeCoder, DurationCoder
from .unions import ChoiceCoder, EnumCoder, UnionCoder

if TYPE_CHECKING:
    from flyteidl.core.types_pb2 import LiteralType

    from .coder import Coder

__all__ = ["UnknownType", "compile_type"]

_SIMPLE = {
    types_pb2.NONE: NoneCoder,
    types_pb2.INTEGER: IntegerCoder,
    types_pb2.FLOAT: FloatCoder,
    types_pb2.STRING: StringCoder,
    types_pb2.BOOLEAN: BooleanCoder,
    types_pb2.DATETIME: DatetimeCoder,
    types_pb2.DURATION: DurationCoder,
    types_pb2.BINARY: BinaryCoder,
    types_pb2.ERROR: ErrorCoder,
}


class UnknownType(Exception):
    """A type that cannot be compiled; says why."""


def compile_type(kind: LiteralType, depth: int = 0, *, names: bool = False) -> Coder:
    """The coder of a type.

    Args:
        kind: The type.
        depth: How deep it is nested.
        names: Whether Python enum members are sent by name instead of by value.

    Raises:
        UnknownType: The type is empty, of a kind this release does not know, or nested absurdly deep.
    """
    if depth > MAX_DEPTH:
        raise UnknownType(f"its type is nested deeper than {MAX_DEPTH} levels")
    which = kind.WhichOneof("type")
    if which == "collection_type":
        return ListCoder(compile_type(kind.collection_type, depth + 1, names=names))
    if which == "map_value_type":
        return MapCoder(compile_type(kind.map_value_type, depth + 1, names=names))
    words = describe_type(kind)
    if which == "union_type":
        return UnionCoder(words, [(v, compile_type(v, depth + 1, names=names)) for v in kind.union_type.variants])
    if which == "simple":
        return _compile_simple(kind, words)
    if which == "enum_type":
        return EnumCoder(words, list(kind.enum_type.values), names=names)
    if which == "blob":
        return BlobCoder(words, kind.blob)
    if which == "structured_dataset_type":
        return FrameCoder(words, kind.structured_dataset_type)
    if which == "schema":
        return SchemaCoder(words, kind.schema)
    raise UnknownType("its type is empty, or of a kind that this release does not know")


def _compile_simple(kind: LiteralType, words: str) -> Coder:
    if kind.simple == types_pb2.STRUCT:
        from .structs import (
            StructCoder,  # brings the compiler of schemas, and most runs have inputs of other types only
        )

        return StructCoder(words, kind)
    make = _SIMPLE.get(kind.simple)
    if make is None:
        raise UnknownType(f"its type is simple type number {kind.simple}, which this release does not know")
    coder: Coder = make()
    annotations = kind.annotation.annotations.fields
    if "literal_values" in annotations:
        values = annotations["literal_values"].list_value.values
        return ChoiceCoder(coder, [_candidate(v, kind.simple) for v in values])
    return coder


def _candidate(value: object, simple: int) -> object:
    found = getattr(value, value.WhichOneof("kind") or "string_value")  # type: ignore[attr-defined]
    return int(found) if simple == types_pb2.INTEGER and isinstance(found, float) else found
