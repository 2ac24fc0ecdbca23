"""Values of forms: plain JSON, literals and JSON schemas of one type each. Whole numbers travel as floats (protobuf's Struct)."""

from __future__ import annotations

from typing import Any

from flyteidl2.core import literals_pb2, types_pb2
from google.protobuf import json_format

__all__ = ["literal_of", "plain_of", "schema_of", "type_of_schema"]

_SIMPLE = types_pb2.SimpleType
_SCHEMAS: dict[int, dict[str, str]] = {
    _SIMPLE.INTEGER: {"type": "integer"},
    _SIMPLE.FLOAT: {"type": "number"},
    _SIMPLE.STRING: {"type": "string"},
    _SIMPLE.BOOLEAN: {"type": "boolean"},
    _SIMPLE.DATETIME: {"type": "string", "format": "datetime"},
    _SIMPLE.DURATION: {"type": "string", "format": "duration"},
    _SIMPLE.STRUCT: {"type": "object"},
    _SIMPLE.NONE: {"type": "null"},
}
_NAMES = {
    bool: "bool",
    int: "int",
    float: "float64",
    str: "string",
    list: "[]interface {}",
    dict: "map",
    type(None): "nil",
}


def literal_of(value: Any, kind: Any) -> Any:
    """A plain value as a literal of a type.

    Raises:
        ValueError: It is none of that type.
    """
    which = kind.WhichOneof("type")
    literal = literals_pb2.Literal()
    if which == "simple":
        _simple(literal, value, kind.simple)
    elif which == "collection_type":
        for item in _of(value, list, "collection"):
            literal.collection.literals.append(literal_of(item, kind.collection_type))
        literal.collection.SetInParent()
    elif which == "map_value_type":
        for key, item in _of(value, dict, "map").items():
            literal.map.literals[key].CopyFrom(literal_of(item, kind.map_value_type))
        literal.map.SetInParent()
    elif which == "enum_type":
        text = _of(value, str, "enum")
        if text not in kind.enum_type.values:
            raise ValueError(f"invalid enum value: {text}")
        literal.scalar.primitive.string_value = text
    elif which == "union_type":
        _union(literal, value, kind.union_type.variants)
    elif which == "blob":
        literal.scalar.blob.uri = _of(value, str, "blob")
        literal.scalar.blob.metadata.type.CopyFrom(kind.blob)
    else:
        raise ValueError(f"unsupported type: {which}")
    return literal


def plain_of(literal: Any) -> Any:
    """A literal as a plain value."""
    which = literal.WhichOneof("value")
    if which == "collection":
        return [plain_of(item) for item in literal.collection.literals]
    if which == "map":
        return {key: plain_of(item) for key, item in literal.map.literals.items()}
    scalar = literal.scalar
    kind = scalar.WhichOneof("value")
    if kind == "primitive":
        name = scalar.primitive.WhichOneof("value")
        value = getattr(scalar.primitive, name) if name else None
        if name in ("datetime", "duration"):
            return getattr(scalar.primitive, name).ToJsonString()
        return float(scalar.primitive.integer) if name == "integer" else value
    if kind == "union":
        return plain_of(scalar.union.value)
    if kind == "generic":
        return json_format.MessageToDict(scalar.generic)
    if kind == "blob":
        return scalar.blob.uri
    return None


def schema_of(kind: Any) -> dict[str, Any]:
    """The JSON schema of a type."""
    which = kind.WhichOneof("type")
    if which == "simple":
        schema: dict[str, Any] = dict(_SCHEMAS.get(kind.simple, {"type": "object"}))
        if kind.simple == _SIMPLE.STRUCT and kind.HasField("metadata"):
            schema |= json_format.MessageToDict(kind.metadata)
        return schema
    if which == "collection_type":
        return {"type": "array", "items": schema_of(kind.collection_type)}
    if which == "map_value_type":
        return {"type": "object", "additionalProperties": schema_of(kind.map_value_type)}
    if which == "enum_type":
        return {"type": "string", "enum": list(kind.enum_type.values)}
    if which == "union_type":
        return {"oneOf": [schema_of(variant) for variant in kind.union_type.variants]}
    return {"type": "string", "format": which or "none"}


def type_of_schema(schema: dict[str, Any]) -> Any:
    """The type that a JSON schema of `schema_of` stands for."""
    kind = types_pb2.LiteralType()
    if "enum" in schema:
        kind.enum_type.values.extend(schema["enum"])
        return kind
    if schema.get("type") == "array":
        kind.collection_type.CopyFrom(type_of_schema(schema.get("items", {})))
        return kind
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        kind.map_value_type.CopyFrom(type_of_schema(schema["additionalProperties"]))
        return kind
    wanted = {key: schema[key] for key in ("type", "format") if key in schema}
    kind.simple = next((number for number, known in _SCHEMAS.items() if known == wanted), _SIMPLE.STRUCT)
    return kind


def _simple(literal: Any, value: Any, simple: int) -> None:
    primitive = literal.scalar.primitive
    if simple == _SIMPLE.INTEGER:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
            raise ValueError(f"invalid integer value type: {_name(value)}")
        primitive.integer = int(value)
    elif simple == _SIMPLE.FLOAT:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"invalid float value type: {_name(value)}")
        primitive.float_value = float(value)
    elif simple == _SIMPLE.STRING:
        primitive.string_value = _of(value, str, "string")
    elif simple == _SIMPLE.BOOLEAN:
        primitive.boolean = _of(value, bool, "boolean")
    elif simple == _SIMPLE.DATETIME:
        primitive.datetime.FromJsonString(_of(value, str, "datetime"))
    elif simple == _SIMPLE.DURATION:
        primitive.duration.FromJsonString(_of(value, str, "duration"))
    elif simple == _SIMPLE.STRUCT:
        literal.scalar.generic.update(_of(value, dict, "struct"))
    elif simple == _SIMPLE.NONE and value is None:
        literal.scalar.none_type.SetInParent()
    else:
        raise ValueError(f"unsupported type: {_SIMPLE.Name(simple)}")


def _union(literal: Any, value: Any, variants: Any) -> None:
    for variant in variants:
        try:
            found = literal_of(value, variant)
        except ValueError:
            continue
        literal.scalar.union.value.CopyFrom(found)
        literal.scalar.union.type.CopyFrom(variant)
        return
    raise ValueError(f"no variant of the union takes a value of type {_name(value)}")


def _of(value: Any, wanted: type, what: str) -> Any:
    if not isinstance(value, wanted):  # a value that somebody sent, not a mistake of this program
        raise ValueError(  # noqa: TRY004
            f"invalid {what} value type: {_name(value)}"
        )
    return value


def _name(value: Any) -> str:
    return _NAMES.get(type(value), type(value).__name__)
