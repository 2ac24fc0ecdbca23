"""Are these the same inputs? A canonical form of literals, and its hash.

Two encodings of one value may differ in bytes (order of keys, where a file was uploaded to) and must not differ here. Files
count by content: a token by the md5 its uploader measured, never by URI. Types and formats of union variants count by the
value inside.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import struct
from typing import TYPE_CHECKING, Any

import msgpack

from ..model.errors import LiteralError
from .encoded import TOKEN_PREFIX, is_token
from .packing import PACKED, unpack
from .problems import MAX_DEPTH
from .struct_values import struct_to_plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flyteidl.core.literals_pb2 import Literal, LiteralMap

__all__ = ["differing", "fingerprint"]

_VERSION = "v1"


def fingerprint(literals: LiteralMap, md5s: Mapping[str, str] | None = None) -> str:
    """The hash of inputs after defaults: a legal Kubernetes label value, ``v1-…``, 55 characters.

    Args:
        literals: With tokens in place, as in `Encoded.literals`.
        md5s: Token to hex md5 of the uploaded content. For a directory, any digest of its whole content.

    Raises:
        LiteralError: A token has no md5: without it, other content would have the same fingerprint.
    """
    known = md5s or {}
    digest = hashlib.sha256()
    for name in sorted(literals.literals):
        for part in (name.encode(), _canonical(literals.literals[name], _Tokens(known, f"inputs.{name}"), 0)):
            digest.update(struct.pack(">Q", len(part)))
            digest.update(part)
    return f"{_VERSION}-{base64.b32encode(digest.digest()).decode().rstrip('=').lower()}"


def differing(ours: LiteralMap, stored: LiteralMap, md5s: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Names whose values differ, sorted.

    A token of ours equals a stored URI with a path segment ``base32(md5)``: FlyteAdmin stores uploads at
    ``<prefix>/project/domain/<base32(md5)>/<filename>``. An upload without known md5, or stored by other means (a directory,
    a path of the caller's own), cannot be compared and counts as differing; so does a name on one side only.

    Args:
        ours: With tokens in place, as in `Encoded.literals`.
        stored: What Flyte has.
        md5s: Token to hex md5 of the uploaded content.
    """
    known = md5s or {}
    names = set(ours.literals) | set(stored.literals)
    return tuple(
        name
        for name in sorted(names)
        if name not in ours.literals
        or name not in stored.literals
        or _differ(ours.literals[name], stored.literals[name], known)
    )


def _differ(ours: Literal, stored: Literal, md5s: Mapping[str, str]) -> bool:
    uploads = _Uploaded(md5s)
    return _canonical(ours, uploads, 0) != _canonical(stored, uploads, 0)


class _Tokens:
    """URIs as they are, tokens by content."""

    def __init__(self, md5s: Mapping[str, str], path: str) -> None:
        self.md5s = md5s
        self.path = path

    def uri(self, uri: str) -> str:
        if not is_token(uri):
            return uri
        md5 = self.md5s.get(uri)
        if md5 is None:
            problem = f"{self.path}: a fingerprint needs the md5 of what {uri} stands for"
            raise LiteralError(problem, problems=(problem,))
        return f"md5:{md5.lower()}"


class _Uploaded:
    """Tokens by content, and stored URIs by the content their path names, as far as one of ours has it."""

    def __init__(self, md5s: Mapping[str, str]) -> None:
        self.md5s = md5s
        self.segments: dict[str, str] = {}
        for md5 in md5s.values():
            try:
                self.segments[base64.b32encode(bytes.fromhex(md5)).decode()] = md5.lower()
            except ValueError:  # no md5 but another digest, of a directory for instance
                continue

    def uri(self, uri: str) -> str:
        if is_token(uri):
            return f"md5:{self.md5s[uri].lower()}" if uri in self.md5s else uri
        for segment in uri.split("/"):
            if segment in self.segments:
                return f"md5:{self.segments[segment]}"
        return uri


def _canonical(literal: Literal, uris: _Tokens | _Uploaded, depth: int) -> bytes:
    """Bytes that are the same exactly when the values are: msgpack with sorted keys."""
    return bytes(msgpack.packb(_tree(literal, uris, depth), buf_size=PACKED))


def _tree(literal: Literal, uris: _Tokens | _Uploaded, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise LiteralError(f"literals nested deeper than {MAX_DEPTH} levels cannot be compared")
    kind = literal.WhichOneof("value")
    if kind == "collection":
        return ["list", [_tree(item, uris, depth + 1) for item in literal.collection.literals]]
    if kind == "map":
        entries = literal.map.literals
        return ["map", [[key, _tree(entries[key], uris, depth + 1)] for key in sorted(entries)]]
    if kind == "offloaded_metadata":
        return ["offloaded", literal.offloaded_metadata.uri]
    return _scalar(literal.scalar, uris, depth)


def _scalar(scalar: Any, uris: _Tokens | _Uploaded, depth: int) -> Any:
    kind = scalar.WhichOneof("value")
    if kind == "primitive":
        return _primitive(scalar.primitive)
    if kind == "union":
        return _tree(scalar.union.value, uris, depth + 1)
    if kind == "blob":
        return ["blob", uris.uri(scalar.blob.uri), scalar.blob.metadata.type.dimensionality]
    if kind in ("structured_dataset", "schema"):
        return ["frame", uris.uri(getattr(scalar, kind).uri)]
    if kind == "binary":
        return _binary(scalar.binary, uris)
    if kind == "generic":
        return ["struct", _sorted(struct_to_plain(scalar.generic, (None, "struct")), uris)]
    return [kind or "empty", getattr(scalar, kind).SerializeToString(deterministic=True) if kind else b""]


def _primitive(primitive: Any) -> Any:
    kind = primitive.WhichOneof("value")
    if kind in ("datetime", "duration"):
        value = getattr(primitive, kind)
        return [kind, value.seconds, value.nanos]
    return [kind, getattr(primitive, kind) if kind else None]


def _binary(binary: Any, uris: _Tokens | _Uploaded) -> Any:
    if binary.tag == "msgpack":
        try:
            plain = unpack(binary.value, (None, "struct"))
        except LiteralError:
            pass  # damaged or absurdly deep: its bytes are its value
        else:
            return ["struct", _sorted(plain, uris)]
    return ["binary", binary.tag, binary.value]


def _sorted(value: Any, uris: _Tokens | _Uploaded) -> Any:
    if isinstance(value, dict):
        pairs = [(msgpack.packb(_time(key), buf_size=PACKED), _sorted(item, uris)) for key, item in value.items()]
        return ["map", [[key, item] for key, item in sorted(pairs, key=lambda pair: pair[0])]]
    if isinstance(value, list):
        return ["list", [_sorted(item, uris) for item in value]]
    if isinstance(value, str) and ("/" in value or value.startswith(TOKEN_PREFIX)):
        return uris.uri(value)
    return _time(value)


def _time(value: Any) -> Any:
    """Msgpack's own timestamps, which Python SDKs do not write, as what msgpack can order; also when they are keys."""
    return ["time", value.isoformat()] if isinstance(value, dt.datetime) else value
