"""Texts to values, by type: what a command line or a template can only write as text.

Only on request (``coerce_json=True``), because a text that was meant as a text must stay one: a STRING takes it unchanged, and
so does every union that has a string among its variants.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flyteidl.core import types_pb2

from .json_schema_refs import resolve
from .problems import MAX_DEPTH

if TYPE_CHECKING:
    from flyteidl.core.types_pb2 import LiteralType

__all__ = ["coerced", "parsed_json"]

_INTEGER = re.compile(r"[+-]?[0-9]+")
_LONGEST = 400  # digits; Python refuses longer ones too, and 64 bits need 19
_BOOLEANS = {"true": True, "false": False}
_NOTHING = ("null", "None", "none", "")


def coerced(value: Any, kind: LiteralType, depth: int = 0) -> Any:
    """The value that a text means for a type; other values, and texts that mean nothing, as they are.

    Lists and maps are looked through, because templates are filled in inside them as well.
    """
    if depth > MAX_DEPTH:
        return value
    which = kind.WhichOneof("type")
    if which == "union_type":
        return _union(value, kind, depth)
    if which in ("collection_type", "map_value_type"):
        parsed = _json(value, list if which == "collection_type" else dict) if isinstance(value, str) else value
        inner = getattr(kind, which)
        if which == "collection_type" and isinstance(parsed, (list, tuple)):
            return [coerced(item, inner, depth + 1) for item in parsed]
        if which == "map_value_type" and isinstance(parsed, Mapping):
            return {key: coerced(item, inner, depth + 1) for key, item in parsed.items()}
        return parsed
    if which == "simple":
        return _simple(value, kind)
    return _json(value, dict) if which in ("blob", "structured_dataset_type", "schema") else value


def _simple(value: Any, kind: LiteralType) -> Any:
    if kind.simple == types_pb2.STRUCT:
        parsed = _json(value, (dict, list)) if isinstance(value, str) else value
        if not kind.HasField("metadata") or not isinstance(parsed, dict):
            return parsed
        from google.protobuf import json_format

        schema = json_format.MessageToDict(kind.metadata)
        return _by_schema(parsed, schema, schema, 0)
    if not isinstance(value, str):
        return value
    if kind.simple == types_pb2.NONE:
        return None if value.strip() in _NOTHING else value
    if kind.simple == types_pb2.ERROR:
        return _json(value, dict)
    return _leaf(value, _LEAVES.get(kind.simple, ""))


_LEAVES = {
    types_pb2.INTEGER: "integer",
    types_pb2.FLOAT: "number",
    types_pb2.BOOLEAN: "boolean",
    types_pb2.DURATION: "number",  # of seconds; other texts are durations as they are
}


def _leaf(text: str, kind: str) -> Any:
    stripped = text.strip()
    if kind == "integer" and _INTEGER.fullmatch(stripped) and len(stripped) < _LONGEST:
        return int(stripped)
    if kind == "number":
        return _number(stripped, text)
    if kind == "boolean":
        return _BOOLEANS.get(stripped.lower(), text)
    return text


def _number(stripped: str, text: str) -> float | str:
    """The float of a text, if it holds it: Python reads ``1e999`` as infinity, and underscores between digits."""
    try:
        number = float(stripped)
    except ValueError:
        return text
    too_large = math.isinf(number) and "inf" not in stripped.lower()
    return text if too_large or "_" in stripped else number


def _union(value: Any, kind: LiteralType, depth: int) -> Any:
    variants = kind.union_type.variants
    if not isinstance(value, (str, list, tuple, Mapping)):
        return value
    if isinstance(value, str) and any(
        v.simple == types_pb2.STRING and v.WhichOneof("type") == "simple" for v in variants
    ):
        return value
    enums = {name for v in variants if v.WhichOneof("type") == "enum_type" for name in v.enum_type.values}
    if isinstance(value, str) and value in enums:
        return value
    # The narrower reading first: "3" is an integer before it is a float.
    for variant in sorted(variants, key=lambda v: v.WhichOneof("type") == "simple" and v.simple == types_pb2.FLOAT):
        changed = coerced(value, variant, depth + 1)
        if changed is not value and changed != value:
            return changed
    return value


def _by_schema(value: Any, node: Any, root: Mapping[str, Any], depth: int) -> Any:
    """Texts inside a dict, where the schema says integer, number or boolean."""
    node = resolve(root, node)
    if depth > MAX_DEPTH:
        return value
    options = node.get("anyOf") or node.get("oneOf")
    if options:
        real = [one for one in options if resolve(root, one).get("type") != "null"]
        if isinstance(value, str) and len(real) < len(options) and value.strip() == "null":
            return None
        return _by_schema(value, real[0], root, depth + 1) if len(real) == 1 else value
    if isinstance(value, Mapping):
        known, extra = node.get("properties") or {}, node.get("additionalProperties")
        return {key: _by_schema(item, known.get(key, extra), root, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_by_schema(item, node.get("items"), root, depth + 1) for item in value]
    if not isinstance(value, str):
        return value
    kind = node.get("type")
    if kind in ("array", "object"):
        parsed = _json(value, list if kind == "array" else dict)
        return value if parsed is value else _by_schema(parsed, node, root, depth + 1)
    return _leaf(value, kind) if isinstance(kind, str) and "enum" not in node else value


def _json(text: Any, wanted: type | tuple[type, ...]) -> Any:
    """The JSON in a text, if it is of the wanted kind; else the text."""
    if not isinstance(text, str) or not text.lstrip().startswith(("{", "[")):
        return text
    try:
        parsed = parsed_json(text)
    except (ValueError, RecursionError):
        return text
    return parsed if isinstance(parsed, wanted) else text


def parsed_json(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: It is none, or names a key of an object twice: one of the values would be lost.
        RecursionError: It is nested absurdly deep.
    """
    return json.loads(text, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(
            f"the key {next(name for name in names if names.count(name) > 1)!r} stands twice in one object"
        )
    return out
