"""Plain data from a protobuf Struct. Apart from `structs`, because whoever reads one needs none of what compiles schemas."""

from __future__ import annotations

from typing import Any

from .problems import MAX_DEPTH, Where, refusal

__all__ = ["struct_to_plain"]


def struct_to_plain(struct: Any, where: Where) -> Any:
    """Plain data from a protobuf Struct; numbers stay floats, as nothing says which were ints."""
    return {key: _struct_value(item, (where, key), 1) for key, item in struct.fields.items()}


def _struct_value(value: Any, where: Where, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise refusal(where, f"nested deeper than {MAX_DEPTH} levels")
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return {key: _struct_value(v, (where, key), depth + 1) for key, v in value.struct_value.fields.items()}
    if kind == "list_value":
        return [_struct_value(v, (where, i), depth + 1) for i, v in enumerate(value.list_value.values)]
    return None if kind in (None, "null_value") else getattr(value, kind)
