"""Flyte types in words, for messages and documentation: ``list[integer]``, ``dataclass {w: integer}``, ``file (csv)``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flyteidl.core import types_pb2

if TYPE_CHECKING:
    from flyteidl.core.types_pb2 import LiteralType

__all__ = ["describe_type", "schema_column_type", "type_name"]

_SIMPLE = {
    "NONE": "none", "INTEGER": "integer", "FLOAT": "float", "STRING": "string", "BOOLEAN": "boolean",
    "DATETIME": "datetime", "DURATION": "duration", "BINARY": "bytes", "ERROR": "error", "STRUCT": "struct",
}  # fmt: skip
_MAX_FIELDS = 12
_MAX_DEPTH = 4  # deeper parts of a type are an ellipsis: a message is for reading


def describe_type(literal_type: LiteralType) -> str:
    """A type in words."""
    return _describe(literal_type, 0)


def type_name(literal_type: LiteralType) -> str:
    """A type in words, without the fields of a dataclass."""
    return _describe(literal_type, _MAX_DEPTH - 1)


def schema_column_type(kind: int) -> str:
    """The type of a legacy schema's column in words."""
    try:
        return str(types_pb2.SchemaType.SchemaColumn.SchemaColumnType.Name(kind)).lower()
    except ValueError:  # a number this release does not know
        return f"type {kind}"


def _describe(kind: LiteralType, depth: int) -> str:
    if depth >= _MAX_DEPTH:
        return "…"
    which = kind.WhichOneof("type")
    if which == "simple":
        return _simple(kind, depth)
    if which == "collection_type":
        return f"list[{_describe(kind.collection_type, depth + 1)}]"
    if which == "map_value_type":
        return f"dict[string, {_describe(kind.map_value_type, depth + 1)}]"
    if which == "union_type":
        return "union of " + " | ".join(_describe(v, depth + 1) for v in kind.union_type.variants)
    if which == "enum_type":
        return f"enum [{', '.join(repr(v) for v in kind.enum_type.values)}]"
    if which == "blob":
        noun = "directory" if kind.blob.dimensionality == types_pb2.BlobType.MULTIPART else "file"
        return f"{noun} ({kind.blob.format})" if kind.blob.format else noun
    if which == "structured_dataset_type":
        return _frame(kind, depth)
    if which == "schema":
        columns = ", ".join(f"{c.name}: {schema_column_type(c.type)}" for c in kind.schema.columns[:_MAX_FIELDS])
        return f"schema {{{columns}}}" if columns else "schema"
    return "unknown type"


def _simple(kind: LiteralType, depth: int) -> str:
    name = (
        _SIMPLE.get(types_pb2.SimpleType.Name(kind.simple), "unknown type")
        if kind.simple in range(10)
        else "unknown type"
    )
    candidates = kind.annotation.annotations.fields
    if "literal_values" in candidates:
        values = [
            getattr(v, v.WhichOneof("kind") or "string_value") for v in candidates["literal_values"].list_value.values
        ]
        return f"{name} [{', '.join(map(repr, values))}]"
    if name != "struct":
        return name
    if "pb_type" in kind.metadata.fields:
        return f"protobuf {kind.metadata.fields['pb_type'].string_value.rpartition('.')[2]}"
    fields = kind.structure.dataclass_type
    if fields:
        listed = [f"{key}: {_describe(fields[key], depth + 1)}" for key in sorted(fields)[:_MAX_FIELDS]]
        return f"dataclass {{{', '.join(listed)}{', …' if len(fields) > _MAX_FIELDS else ''}}}"
    title = kind.metadata.fields["title"].string_value if "title" in kind.metadata.fields else ""
    return f"dataclass {title}" if title else name


def _frame(kind: LiteralType, depth: int) -> str:
    frame = kind.structured_dataset_type
    columns = ", ".join(f"{c.name}: {_describe(c.literal_type, depth + 1)}" for c in frame.columns[:_MAX_FIELDS])
    return "frame" + (f" ({frame.format})" if frame.format else "") + (f" {{{columns}}}" if columns else "")
