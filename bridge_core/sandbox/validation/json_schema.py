"""Whether one dataclass may be given for another: by the JSON schemas that flytekit puts into their types.

After flytepropeller ``validators/typing.go`` (isSameTypeInJSON, isSuperTypeInJSON): the same schema, or every property that is
wanted is there with a type that fits.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import json_format

__all__ = ["fits"]


def fits(given: Any, wanted: Any) -> bool:
    """Whether values of one schema may be taken for another; both are Structs, and types without one fit any."""
    if not given.fields or not wanted.fields:
        return True
    one, other = json_format.MessageToDict(given), json_format.MessageToDict(wanted)
    return one == other or _covers(one, other, one, other)


def _covers(given: Any, wanted: Any, given_root: Any, wanted_root: Any) -> bool:
    given, wanted = _followed(given, given_root), _followed(wanted, wanted_root)
    if given == wanted:
        return True
    if not isinstance(given, dict) or not isinstance(wanted, dict):
        return False
    if "type" in wanted and given.get("type") != wanted["type"]:
        return False
    if any(given.get(choice) != wanted.get(choice) for choice in ("anyOf", "oneOf", "enum", "const")):
        return False
    for name, inner in wanted.get("properties", {}).items():
        there = given.get("properties", {}).get(name)
        if there is None or not _covers(there, inner, given_root, wanted_root):
            return False
    return "items" not in wanted or _covers(given.get("items"), wanted["items"], given_root, wanted_root)


def _followed(schema: Any, root: Any) -> Any:
    """The schema behind a reference into the same document."""
    for _ in range(50):  # a reference to itself ends somewhere
        reference = schema.get("$ref") if isinstance(schema, dict) else None
        if not isinstance(reference, str) or not reference.startswith("#/"):
            break
        found: Any = root
        for step in reference[2:].split("/"):
            found = found.get(step, {}) if isinstance(found, dict) else {}
        schema = found
    return schema
