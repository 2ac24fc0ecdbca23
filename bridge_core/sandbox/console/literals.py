"""Literals for people: each kind in the form it has in their code, files as links, long ones cut."""

from __future__ import annotations

import json
from datetime import UTC
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgpack
from flyteidl.core import types_pb2
from google.protobuf import json_format

from .html import Content, Markup, joined, link, tag
from .show import duration, table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..blobs.signing import Signer
    from ..model.layout import Layout

__all__ = ["Literals", "type_text"]

_LONGEST = 20_000
_MOST_ITEMS = 100
_MOST_FILES = 20
_DEEPEST = 12
_SHORT = 200
_LINK_SECONDS = 3600


class Literals:
    """Renders literals.

    Args:
        layout: Which files are ours.
        signer: Makes links to them.
    """

    def __init__(self, layout: Layout, signer: Signer) -> None:
        self._layout = layout
        self._signer = signer

    def map(self, caption: str, literals: Any) -> Markup:
        """A table of named literals."""
        if not literals.literals:
            return tag("p", "None.", class_="soft")
        rows = [[tag("code", name), self.value(literals.literals[name])] for name in sorted(literals.literals)]
        return tag("div", table(caption, ["Name", "Value"], rows), class_="values")

    def value(self, literal: Any, depth: int = 0) -> Markup:
        """One literal."""
        return tag("div", self._literal(literal, depth), class_="value")

    def file(self, native: str) -> str | None:
        """A path that shows a file of ours for an hour, or None when it is none or is gone."""
        path = self._layout.url_path(native)
        if path is None or not self._layout.local(native).is_file():
            return None
        parts = urlsplit(self._signer.url("GET", path, seconds=_LINK_SECONDS))
        return f"{parts.path}?{parts.query}"

    def _literal(self, literal: Any, depth: int) -> Content:
        kind = literal.WhichOneof("value")
        if depth > _DEEPEST:
            return "…"
        if kind == "scalar":
            return self._scalar(literal.scalar, depth)
        if kind == "collection":
            items = literal.collection.literals
            shown = [tag("li", self._literal(item, depth + 1)) for item in items[:_MOST_ITEMS]]
            return joined(_kind(f"list of {len(items)}"), tag("ol", shown, start="0"), _rest(len(items)))
        if kind == "map":
            names = sorted(literal.map.literals)
            pairs = [
                [tag("dt", tag("code", name)), tag("dd", self._literal(literal.map.literals[name], depth + 1))]
                for name in names[:_MOST_ITEMS]
            ]
            return joined(_kind(f"map of {len(names)}"), tag("dl", pairs), _rest(len(names)))
        if kind == "offloaded_metadata":
            size = literal.offloaded_metadata.size_bytes
            return self._file(literal.offloaded_metadata.uri, f"kept in a file, {size} bytes")
        return tag("span", "nothing", class_="soft")

    def _scalar(self, scalar: Any, depth: int) -> Content:
        kind = scalar.WhichOneof("value")
        if kind == "union":
            return self._literal(scalar.union.value, depth + 1)
        shown: dict[str, Callable[[Any], Content]] = {
            "primitive": _primitive,
            "none_type": lambda _void: joined(tag("code", "None")),
            "binary": _binary,
            "generic": lambda value: _json(json_format.MessageToDict(value), "struct"),
            "error": lambda value: tag("pre", value.message, class_="error"),
            "blob": self._blob,
            "schema": lambda value: self._file(value.uri, "schema"),
            "structured_dataset": lambda value: self._file(
                value.uri, f"dataset, {value.metadata.structured_dataset_type.format or 'any format'}"
            ),
        }
        render = shown.get(str(kind))
        return tag("span", "nothing", class_="soft") if render is None else render(getattr(scalar, str(kind)))

    def _blob(self, blob: Any) -> Content:
        many = blob.metadata.type.dimensionality == types_pb2.BlobType.MULTIPART
        what = "directory" if many else "file"
        return self._file(blob.uri, f"{what} {blob.metadata.type.format}".strip())

    def _file(self, uri: str, kind: str) -> Content:
        shown, path = tag("code", uri), self._layout.local(uri)
        if self._layout.url_path(uri) is not None and path.is_dir():
            return joined(shown, _kind(kind), self._folder(path))
        own = self.file(uri)
        named = link(shown, own) if own is not None else shown if uri.startswith("/") else link(shown, uri)
        return joined(named, _kind(kind))

    def _folder(self, folder: Path) -> Content:
        """The files below a directory of ours, as links."""
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        items = [
            tag(
                "li",
                link(str(path.relative_to(folder)), self.file(self._layout.native(path)) or ""),
                _kind(f"{path.stat().st_size} bytes"),
            )
            for path in files[:_MOST_FILES]
        ]
        rest = tag("p", f"… and {len(files) - _MOST_FILES} more", class_="soft") if len(files) > _MOST_FILES else None
        return joined(tag("ul", items, class_="files"), rest)


def _primitive(primitive: Any) -> Content:
    kind = primitive.WhichOneof("value")
    value = getattr(primitive, str(kind))
    if kind == "string_value":
        if len(value) > _SHORT or "\n" in value:
            return joined(tag("pre", _cut(value)), _kind(f"text of {len(value)}"))
        return joined(tag("span", value) if value else tag("code", '""'), _kind("text"))
    if kind == "datetime":
        return joined(tag("span", value.ToDatetime(tzinfo=UTC).isoformat(sep=" ")), _kind("date and time"))
    if kind == "duration":
        return joined(tag("span", duration(value.ToNanoseconds() / 1e9)), _kind("duration"))
    if kind == "boolean":
        return joined(tag("code", "true" if value else "false"), _kind("boolean"))
    return joined(tag("code", str(value)), _kind("integer" if kind == "integer" else "float"))


def _binary(binary: Any) -> Content:
    if binary.tag == "msgpack":
        try:
            return _json(msgpack.unpackb(binary.value, strict_map_key=False), "dataclass or dict")
        except (ValueError, TypeError, RecursionError, msgpack.UnpackException):
            pass
    return joined(tag("span", f"{len(binary.value)} bytes"), _kind(f"binary {binary.tag}".strip()))


def _json(value: Any, kind: str) -> Content:
    try:
        text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    except (ValueError, TypeError, RecursionError):
        text = _cut(repr(value))
    return joined(tag("pre", _cut(text)) if "\n" in text else tag("code", _cut(text)), _kind(kind))


def _kind(text: str) -> Markup:
    return tag("span", text, class_="kind")


def _rest(size: int) -> Markup | None:
    return tag("p", f"… and {size - _MOST_ITEMS} more", class_="soft") if size > _MOST_ITEMS else None


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + f"\n… ({len(text) - _LONGEST} more characters)"


_SIMPLE = {
    types_pb2.NONE: "None",
    types_pb2.INTEGER: "integer",
    types_pb2.FLOAT: "float",
    types_pb2.STRING: "text",
    types_pb2.BOOLEAN: "boolean",
    types_pb2.DATETIME: "date and time",
    types_pb2.DURATION: "duration",
    types_pb2.BINARY: "binary",
    types_pb2.ERROR: "error",
    types_pb2.STRUCT: "struct",
}


def type_text(type_: Any, depth: int = 0) -> str:
    """A literal type in words."""
    kind = type_.WhichOneof("type")
    if depth > _DEEPEST or kind is None:
        return "any"
    if kind == "simple":
        return _SIMPLE.get(type_.simple, "any")
    if kind == "collection_type":
        return f"list of {type_text(type_.collection_type, depth + 1)}"
    if kind == "map_value_type":
        return f"map of {type_text(type_.map_value_type, depth + 1)}"
    if kind == "union_type":
        return " or ".join(type_text(variant, depth + 1) for variant in type_.union_type.variants)
    if kind == "enum_type":
        return f"one of {', '.join(type_.enum_type.values)}"
    if kind == "blob":
        many = type_.blob.dimensionality == types_pb2.BlobType.MULTIPART
        return f"{'directory' if many else 'file'} {type_.blob.format}".strip()
    if kind == "structured_dataset_type":
        return f"dataset {type_.structured_dataset_type.format}".strip()
    return "schema" if kind == "schema" else "any"
