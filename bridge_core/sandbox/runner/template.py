"""Arguments of a container, with their templates filled in (flyteplugins ``pluginmachinery/core/template/template.go``)."""

from __future__ import annotations

import re
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format

from ..model.literals import loaded, unwrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["fill"]

_TEMPLATE = re.compile(r"{{\s*[.$]([a-z]+)(?:\.([^}\s]+))?\s*}}", re.IGNORECASE)


def fill(
    arguments: Iterable[str], values: Mapping[str, str], inputs: Any, local: Callable[[str], Path] = Path
) -> list[str]:
    """Replaces ``{{.input}}``, ``{{.inputs.x}}`` and the like; unknown templates stay as they are.

    Args:
        arguments: Command and arguments.
        values: Text for each template, by lower-case name; an empty text becomes ``""`` in quotes, as in Flyte.
        inputs: The LiteralMap that ``{{.inputs.NAME}}`` reads.
        local: Where the file of a native URL is, see `Layout.local`.
    """

    def replace(match: re.Match[str]) -> str:
        name, member = match[1].lower(), match[2]
        if name == "inputs" and member in inputs.literals:
            return _text(inputs.literals[member], local)
        if member is None and name in values:
            return values[name] or '""'
        return match[0]

    return [_TEMPLATE.sub(replace, argument) for argument in arguments]


def _text(literal: Any, local: Callable[[str], Path]) -> str:
    """A literal as an argument: primitives as text, collections in brackets, blobs as their URI."""
    literal = unwrapped(loaded(literal, local))
    kind = literal.WhichOneof("value")
    if kind == "collection":
        return "[" + ",".join(_text(item, local) for item in literal.collection.literals) + "]"
    if kind != "scalar":
        return str(json_format.MessageToJson(literal, indent=None))
    scalar = literal.scalar
    kind = scalar.WhichOneof("value")
    if kind == "primitive":
        return _primitive_text(scalar.primitive)
    if kind in ("blob", "schema", "structured_dataset"):
        return str(getattr(scalar, kind).uri)
    return "" if kind == "none_type" else str(json_format.MessageToJson(scalar, indent=None))


def _primitive_text(primitive: Any) -> str:
    name = primitive.WhichOneof("value")
    value = getattr(primitive, name)
    if name == "boolean":
        return "true" if value else "false"
    if name == "datetime":
        return str(value.ToDatetime(tzinfo=UTC).isoformat())
    if name == "duration":
        return f"{value.ToNanoseconds() / 1e9:g}s"
    return str(value)
