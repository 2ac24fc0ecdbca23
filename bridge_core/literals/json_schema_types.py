"""The Flyte types beside a JSON schema: what ``structure.dataclass_type`` says about the fields of a STRUCT.

It names the fields of a model as the class has them, where the schema has their aliases, and tells files from other objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flyteidl.core import types_pb2

if TYPE_CHECKING:
    from flyteidl.core.types_pb2 import LiteralType

__all__ = ["element_type", "field_types", "fields_by_alias", "option_type"]


def field_types(kind: LiteralType | None) -> dict[str, LiteralType]:
    """The types of the fields of a dataclass or model, by name; empty when they are not known."""
    return dict(kind.structure.dataclass_type) if kind is not None and kind.HasField("structure") else {}


def element_type(kind: LiteralType | None) -> LiteralType | None:
    """The type of the elements of a list or map."""
    which = kind.WhichOneof("type") if kind is not None else None
    return getattr(kind, which) if which in ("collection_type", "map_value_type") else None


def option_type(kind: LiteralType | None, node: Mapping[str, Any]) -> LiteralType | None:
    """The variant of a union that one option of ``anyOf`` is, as far as that can be told."""
    if kind is None or kind.WhichOneof("type") != "union_type":
        return None
    variants = kind.union_type.variants
    if node.get("type") == "array":
        return next((one for one in variants if one.WhichOneof("type") == "collection_type"), None)
    properties = node.get("properties")
    if not isinstance(properties, Mapping):
        return next((one for one in variants if one.WhichOneof("type") == "map_value_type"), None)
    structs = [one for one in variants if one.WhichOneof("type") == "simple" and one.simple == types_pb2.STRUCT]
    fitting = max(structs, key=lambda one: len(field_types(one).keys() & properties.keys()), default=None)
    if fitting is not None and field_types(fitting).keys() & properties.keys():
        return fitting
    blobs = [one for one in variants if one.WhichOneof("type") == "blob"]
    return blobs[0] if len(blobs) == 1 and "path" in properties else None


def fields_by_alias(names: Mapping[str, LiteralType], aliases: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """For each field that the schema knows by an alias only, the aliases that it may have.

    Nothing on the wire says which alias is whose: those written alike belong together, then those that are the only ones of
    their kind; what is left may be any of its kind.

    Args:
        names: Fields that the schema does not name, and their types.
        aliases: Fields of the schema that no type names, and their nodes.
    """
    found: dict[str, list[str]] = {}
    free = dict(aliases)
    for name in names:
        alike = [alias for alias in free if _letters(alias) == _letters(name)]
        if len(alike) == 1:
            found[name] = alike
            del free[alike[0]]
    left = [name for name in names if name not in found]
    while left:
        options = {name: _of_kind(names[name], free) for name in left}
        certain = next((name for name in left if len(options[name]) == 1), None)
        if certain is None:
            return {**found, **options}
        found[certain] = options[certain]
        del free[options[certain][0]]
        left.remove(certain)
    return found


def _of_kind(type_: LiteralType, aliases: Mapping[str, Mapping[str, Any]]) -> list[str]:
    wanted = _kind_of_type(type_)
    fitting = [alias for alias, node in aliases.items() if _kind_of_node(node) == wanted]
    # Never a file for what may be a text: the text would be uploaded.
    return fitting or [alias for alias, node in aliases.items() if _kind_of_node(node) != "data"]


def _kind_of_type(type_: LiteralType) -> str:
    which = type_.WhichOneof("type")
    if which == "simple":
        return _SIMPLE.get(type_.simple, "")
    return _KINDS.get(str(which), "")


def _kind_of_node(node: Mapping[str, Any]) -> str:
    if "anyOf" in node or "oneOf" in node:
        return "union"
    if "enum" in node or "const" in node:
        return "enum"
    kind = str(node.get("type"))
    if kind == "string":
        return {"date-time": "datetime", "date": "datetime", "duration": "duration"}.get(str(node.get("format")), kind)
    properties = node.get("properties")
    if kind == "object" and isinstance(properties, Mapping) and properties.keys() & {"path", "uri", "remote_path"}:
        return "data"
    return kind


_SIMPLE = {
    types_pb2.INTEGER: "integer", types_pb2.FLOAT: "number", types_pb2.STRING: "string", types_pb2.BOOLEAN: "boolean",
    types_pb2.DATETIME: "datetime", types_pb2.DURATION: "duration", types_pb2.STRUCT: "object",
}  # fmt: skip
_KINDS = {
    "blob": "data", "structured_dataset_type": "data", "schema": "data", "collection_type": "array", "map_value_type": "object",
    "union_type": "union", "enum_type": "enum",
}  # fmt: skip


def _letters(name: str) -> str:
    return name.replace("_", "").replace("-", "").casefold()
