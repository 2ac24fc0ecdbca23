"""Outputs of a Dagster run: metadata of what it materialised."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["NO_OUTPUT", "outputs_of"]

NO_OUTPUT = object()
_FIELDS = ("boolValue", "text", "url", "path", "mdStr", "timestamp")


def outputs_of(run: Mapping[str, Any], wanted: Mapping[str, str]) -> dict[str, Any]:
    """Output name -> value; `NO_OUTPUT` where the run gave none.

    Args:
        run: With its materialisations.
        wanted: Output name -> ``asset/key:label``, ``asset/key`` (its label is the output's name), or nothing: the last
            materialisation, of any asset, that has metadata of the output's name.
    """
    out: dict[str, Any] = {}
    events = sorted(run.get("assetMaterializations", ()), key=lambda event: float(event["timestamp"]))
    for name, where in wanted.items():
        key, _, label = where.partition(":")
        out[name] = _last(events, key, label or name)
    return out


def _last(events: Iterable[Mapping[str, Any]], key: str, label: str) -> Any:
    found: Any = NO_OUTPUT
    for event in events:
        if key and "/".join((event.get("assetKey") or {}).get("path", ())) != key:
            continue
        for entry in event["metadataEntries"]:
            if entry["label"] == label:
                found = _value(entry)
    return found


def _value(entry: Mapping[str, Any]) -> Any:
    kind = entry["__typename"]
    if kind == "IntMetadataEntry":  # as text: GraphQL's own have 32 bits
        return int(entry["intRepr"])
    if kind == "FloatMetadataEntry":
        return float(entry["floatRepr"])
    if kind == "JsonMetadataEntry":
        return json.loads(entry["jsonString"])
    return next((entry[field] for field in _FIELDS if field in entry), None)
