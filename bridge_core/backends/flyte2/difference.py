"""Which fields of two messages differ, for people."""

from __future__ import annotations

from typing import Any

from google.protobuf import json_format

__all__ = ["difference"]

_SHOWN = 5


def difference(there: Any, here: Any) -> str:
    """Which fields differ, with both values."""
    old, new = (json_format.MessageToDict(item, preserving_proto_field_name=True) for item in (there, here))
    lines = list(_paths(old, new, ""))
    more = f" (and {len(lines) - _SHOWN} more)" if len(lines) > _SHOWN else ""
    return "; ".join(lines[:_SHOWN]) + more or "fields that this release does not know"


def _paths(old: Any, new: Any, path: str) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            yield from _paths(old.get(key), new.get(key), f"{path}.{key}" if path else key)
    elif old != new:
        yield f"{path}: {old!r} there, {new!r} here"
