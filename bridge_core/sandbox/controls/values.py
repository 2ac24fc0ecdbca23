"""Python values as literals, for stubs: what a test writes down becomes what a workflow would have put out.

Small on purpose, and not the client's codec: what tests compare should not come from the code they test.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin

import msgpack
from flyteidl.core import literals_pb2, types_pb2
from google.protobuf.message import Message

from ..validation.interfaces import castable, type_of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["literal_of", "literals_of", "type_named"]

_SIMPLE = {
    type(None): types_pb2.NONE,
    bool: types_pb2.BOOLEAN,
    int: types_pb2.INTEGER,
    float: types_pb2.FLOAT,
    str: types_pb2.STRING,
    datetime: types_pb2.DATETIME,
    timedelta: types_pb2.DURATION,
    dict: types_pb2.STRUCT,
}
_PRIMITIVES = {bool: "boolean", int: "integer", float: "float_value", str: "string_value"}


def literals_of(values: Mapping[str, Any], variables: Mapping[str, Any], what: str) -> Any:
    """A LiteralMap for declared variables.

    Args:
        values: Python values, or literals, by name.
        variables: The declared variables; None where nothing is declared and the values say it all.
        what: Whose they are, for messages.

    Raises:
        ValueError: A value is missing, too many, or of another type.
    """
    if set(values) != set(variables):
        raise ValueError(f"{what}: wanted values for {sorted(variables)}, got {sorted(values)}")
    result = literals_pb2.LiteralMap()
    for name, value in values.items():
        type_ = variables[name].type
        literal = literal_of(value, type_)
        if not castable(type_of(literal), type_):
            raise ValueError(f"{what}: {name}={value!r} does not fit the declared type {_short(type_)}")
        result.literals[name].CopyFrom(literal)
    return result


def literal_of(value: Any, type_: Any = None) -> Any:
    """One literal. A declared type decides where a value could become several literals.

    Raises:
        ValueError: The value has no literal that is made here.
    """
    if isinstance(value, Message):
        return value
    kind = None if type_ is None else type_.WhichOneof("type")
    if kind == "union_type":
        return _union_of(value, type_)
    if isinstance(value, Path) or kind == "blob":
        blob = literals_pb2.Blob(uri=str(value))
        if kind == "blob":
            blob.metadata.type.CopyFrom(type_.blob)
        return _scalar(blob=blob)
    if kind == "structured_dataset_type":
        dataset = literals_pb2.StructuredDataset(uri=str(value))
        dataset.metadata.structured_dataset_type.CopyFrom(type_.structured_dataset_type)
        return _scalar(structured_dataset=dataset)
    if isinstance(value, dict) and kind != "map_value_type":
        return _scalar(binary=literals_pb2.Binary(value=msgpack.packb(value), tag="msgpack"))
    if isinstance(value, dict):
        items = {key: literal_of(item, type_.map_value_type) for key, item in value.items()}
        return literals_pb2.Literal(map=literals_pb2.LiteralMap(literals=items))
    if isinstance(value, list | tuple):
        inner = type_.collection_type if kind == "collection_type" else None
        collection = literals_pb2.LiteralCollection(literals=[literal_of(item, inner) for item in value])
        return literals_pb2.Literal(collection=collection)
    return _simple_literal(value)


def type_named(hint: Any) -> Any:
    """The LiteralType for ``int``, ``list[str]``, ``dict[str, float]``, ``datetime``, …, or a LiteralType itself.

    Raises:
        ValueError: For any other hint.
    """
    if isinstance(hint, types_pb2.LiteralType):
        return hint
    if get_origin(hint) is list:
        return types_pb2.LiteralType(collection_type=type_named(get_args(hint)[0]))
    if get_origin(hint) is dict and get_args(hint)[0] is str:
        return types_pb2.LiteralType(map_value_type=type_named(get_args(hint)[1]))
    if hint not in _SIMPLE:
        raise ValueError(
            f"{hint!r} is no type of a stub's input; use int, list[str], datetime, … or a flyteidl LiteralType"
        )
    return types_pb2.LiteralType(simple=_SIMPLE[hint])


def _simple_literal(value: Any) -> Any:
    if value is None:
        return _scalar(none_type=literals_pb2.Void())
    primitive = literals_pb2.Primitive()
    if isinstance(value, datetime):
        moment = value if value.tzinfo is not None else value.replace(tzinfo=UTC)  # as flytekit reads naive ones
        primitive.datetime.FromDatetime(moment.astimezone(UTC).replace(tzinfo=None))
    elif isinstance(value, timedelta):
        primitive.duration.FromTimedelta(value)
    elif type(value) in _PRIMITIVES:
        setattr(primitive, _PRIMITIVES[type(value)], value)
    else:
        raise ValueError(
            f"{value!r} is of type {type(value).__name__}, which a stub makes no literal of; give a flyteidl Literal"
        )
    return _scalar(primitive=primitive)


def _union_of(value: Any, type_: Any) -> Any:
    for variant in type_.union_type.variants:
        try:
            literal = literal_of(value, variant)
        except ValueError:
            continue
        if castable(type_of(literal), variant):
            return _scalar(union=literals_pb2.Union(value=literal, type=variant))
    raise ValueError(f"{value!r} fits no variant of {_short(type_)}")


def _scalar(**field: Any) -> Any:
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(**field))


def _short(type_: Any) -> str:
    return " ".join(str(type_).split())
