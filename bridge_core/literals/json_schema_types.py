"""The Flyte types beside a JSON schema: what ``structure.dataclass_type`` says about the fields of a STRUCT.

It names the fields of a model as the class has them, where the schema has their aliases, and tells files from other objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flyteidl.core import types_pb2

if TYPE_CHECKING:
    from flyteidl.core.types_pb2 import LiteralType

__all__ = ["element_type", "field_types", "named_like", "option_type"]


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


def named_like(name: str, aliases: list[str]) -> list[str]:
    """The aliases that a field of this name may have: the one that differs in its writing only, else any of them."""
    plain = _plain(name)
    return [alias for alias in aliases if _plain(alias) == plain] or aliases


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").casefold()
