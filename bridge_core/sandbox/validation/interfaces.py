"""Whether a value may be given for a declared type: FlyteAdmin's check of execution inputs.

After flytepropeller ``pkg/compiler/validators/typing.go`` (`AreTypesCastable`) and ``utils.go`` (`LiteralTypeForLiteral`):
no conversion between integers and floats; enums and strings are the same; a value for a union must fit exactly one
variant, or carry one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.core import types_pb2

from .json_schema import fits

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["castable", "is_typed", "type_of", "type_of_scalar"]

_PRIMITIVES = {
    "integer": types_pb2.INTEGER,
    "float_value": types_pb2.FLOAT,
    "string_value": types_pb2.STRING,
    "boolean": types_pb2.BOOLEAN,
    "datetime": types_pb2.DATETIME,
    "duration": types_pb2.DURATION,
}


def type_of(literal: Any) -> Any:
    """The type of a literal, as far as the literal tells."""
    kind = literal.WhichOneof("value")
    if kind == "collection":
        return types_pb2.LiteralType(collection_type=_common(literal.collection.literals))
    if kind == "map":
        return types_pb2.LiteralType(map_value_type=_common(literal.map.literals.values()))
    if kind == "offloaded_metadata":
        return literal.offloaded_metadata.inferred_type
    if kind == "scalar":
        return type_of_scalar(literal.scalar)
    return _simple(types_pb2.NONE)


def is_typed(literal: Any) -> bool:
    """Whether a literal has a type that FlyteAdmin knows: an empty one has none, nor has a blob without metadata."""
    kind = literal.WhichOneof("value")
    if kind == "collection":
        return all(is_typed(item) for item in literal.collection.literals)
    if kind == "map":
        return all(is_typed(item) for item in literal.map.literals.values())
    if kind == "scalar":
        value = literal.scalar.WhichOneof("value")
        return value is not None and (value != "blob" or literal.scalar.blob.HasField("metadata"))
    return bool(kind == "offloaded_metadata" and literal.offloaded_metadata.HasField("inferred_type"))


def type_of_scalar(scalar: Any) -> Any:
    """The type of a scalar, as far as it tells."""
    kind = scalar.WhichOneof("value")
    if kind == "primitive":
        return _simple(_PRIMITIVES[scalar.primitive.WhichOneof("value") or "string_value"])
    if kind == "blob":
        return types_pb2.LiteralType(blob=scalar.blob.metadata.type)
    if kind == "binary":
        return _simple(types_pb2.STRUCT if scalar.binary.tag == "msgpack" else types_pb2.BINARY)
    if kind == "schema":
        return types_pb2.LiteralType(schema=scalar.schema.type)
    if kind == "structured_dataset":
        return types_pb2.LiteralType(structured_dataset_type=scalar.structured_dataset.metadata.structured_dataset_type)
    if kind == "union":
        return types_pb2.LiteralType(union_type=types_pb2.UnionType(variants=[scalar.union.type]))
    return _simple({"error": types_pb2.ERROR, "generic": types_pb2.STRUCT}.get(kind or "", types_pb2.NONE))


def castable(given: Any, wanted: Any) -> bool:
    """Whether a value of the given type is accepted where the wanted type is declared."""
    if given.WhichOneof("type") == "union_type" and len(given.union_type.variants) == 1:
        only = given.union_type.variants[0]
        if _casts(only, wanted):
            return True
    return _casts(given, wanted)


def _common(literals: Iterable[Any]) -> Any:
    """The type of the items of a collection (``literalTypeForLiterals``): one type, or a union of the distinct ones.

    Empty inner lists count only when there is nothing else; nothing at all is NONE.
    """
    distinct: dict[bytes, Any] = {}
    empty = None
    for literal in literals:
        item = type_of(literal)
        if literal.WhichOneof("value") == "collection" and not literal.collection.literals:
            empty = item
        else:
            distinct.setdefault(item.SerializeToString(deterministic=True), item)
    types = [distinct[key] for key in sorted(distinct)] or ([empty] if empty is not None else [_simple(types_pb2.NONE)])
    return types[0] if len(types) == 1 else _union_of(types)


def _union_of(types: list[Any]) -> Any:
    """A union of item types; lists of unions are merged into a list of one union (``buildMultipleTypeUnion``)."""
    variants, nested = [], False
    for type_ in types:
        if type_.collection_type.WhichOneof("type") == "union_type":
            nested = True
            variants.extend(type_.collection_type.union_type.variants)
        else:
            variants.append(type_)
    union = types_pb2.LiteralType(union_type=types_pb2.UnionType(variants=variants))
    return types_pb2.LiteralType(collection_type=union) if nested else union


def _casts(given: Any, wanted: Any) -> bool:
    kind = wanted.WhichOneof("type")
    check = _CHECKS.get(kind or "")
    if check is not None:
        return check(given, wanted)
    if kind == "simple" and wanted.simple == types_pb2.NONE:
        return _is_none(given)
    return _casts_trivially(given, wanted)


def _casts_trivially(given: Any, wanted: Any) -> bool:
    kinds = {given.WhichOneof("type"), wanted.WhichOneof("type")}
    if "enum_type" in kinds:
        other = given if wanted.WhichOneof("type") == "enum_type" else wanted
        if other.WhichOneof("type") == "simple" and other.simple == types_pb2.STRING:
            return True
    if given.structure.tag and given.structure.tag != wanted.structure.tag:
        return False
    if _is_struct(given) and _is_struct(wanted):
        return fits(given.metadata, wanted.metadata)
    return _bare(given) == _bare(wanted)


def _bare(type_: Any) -> bytes:
    copy = types_pb2.LiteralType()
    copy.CopyFrom(type_)
    for field in ("structure", "metadata", "annotation"):
        copy.ClearField(field)
    return bytes(copy.SerializeToString(deterministic=True))


def _casts_collection(given: Any, wanted: Any) -> bool:
    if given.WhichOneof("type") != "collection_type":
        return False
    return _is_none(given.collection_type) or _casts(given.collection_type, wanted.collection_type)


def _casts_map(given: Any, wanted: Any) -> bool:
    if given.WhichOneof("type") != "map_value_type":
        return False
    return _is_none(given.map_value_type) or _casts(given.map_value_type, wanted.map_value_type)


def _casts_union(given: Any, wanted: Any) -> bool:
    variants = wanted.union_type.variants
    if given.WhichOneof("type") == "union_type":
        return all(any(castable(one, variant) for variant in variants) for one in given.union_type.variants)
    return bool(sum(castable(given, variant) for variant in variants) == 1)


def _casts_blob(given: Any, wanted: Any) -> bool:
    """By format alone: FlyteAdmin takes a directory for a file."""
    return given.WhichOneof("type") == "blob" and len({given.blob.format, wanted.blob.format} - {""}) <= 1


def _casts_table(given: Any, wanted: Any) -> bool:
    """Schemas and structured datasets: either may be given for the other, columns must be a subset, parquet for schemas."""
    if wanted.WhichOneof("type") == "structured_dataset_type" and _is_none(given):
        return True
    given_format, given_columns = _table(given)
    wanted_format, wanted_columns = _table(wanted)
    if given_columns is None or wanted_columns is None:
        return False
    if given_format and wanted_format and given_format != wanted_format:
        return False
    if not given_columns or not wanted_columns:
        return True
    return all(name in given_columns and castable(given_columns[name], type_) for name, type_ in wanted_columns.items())


_SCHEMA_COLUMNS = {
    types_pb2.SchemaType.SchemaColumn.INTEGER: types_pb2.INTEGER,
    types_pb2.SchemaType.SchemaColumn.FLOAT: types_pb2.FLOAT,
    types_pb2.SchemaType.SchemaColumn.STRING: types_pb2.STRING,
    types_pb2.SchemaType.SchemaColumn.BOOLEAN: types_pb2.BOOLEAN,
    types_pb2.SchemaType.SchemaColumn.DATETIME: types_pb2.DATETIME,
    types_pb2.SchemaType.SchemaColumn.DURATION: types_pb2.DURATION,
}


def _table(type_: Any) -> tuple[str, dict[str, Any] | None]:
    """Format (lower case, empty for any) and columns of a table type; None columns when it is no table."""
    kind = type_.WhichOneof("type")
    if kind == "schema":
        # A number that no column type has is legal on the wire (proto3), and casts to nothing that has one.
        columns = {one.name: _simple(_SCHEMA_COLUMNS.get(one.type, types_pb2.NONE)) for one in type_.schema.columns}
        return "parquet", columns
    if kind == "structured_dataset_type":
        dataset = type_.structured_dataset_type
        return dataset.format.lower(), {column.name: column.literal_type for column in dataset.columns}
    return "", None


def _is_struct(type_: Any) -> bool:
    return bool(type_.WhichOneof("type") == "simple" and type_.simple == types_pb2.STRUCT)


def _is_none(type_: Any) -> bool:
    return bool(type_.WhichOneof("type") == "simple" and type_.simple == types_pb2.NONE)


def _simple(simple: Any) -> Any:
    return types_pb2.LiteralType(simple=simple)


_CHECKS = {
    "collection_type": _casts_collection,
    "map_value_type": _casts_map,
    "union_type": _casts_union,
    "blob": _casts_blob,
    "schema": _casts_table,
    "structured_dataset_type": _casts_table,
}
