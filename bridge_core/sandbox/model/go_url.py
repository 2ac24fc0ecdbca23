"""URLs as Go's ``net/url`` reads and writes them: FlyteAdmin makes places in the storage with it, of names that are no URLs.

What follows (and clients meet): a blank is told as ``%20`` and stored as a blank, ``#`` and ``?`` end the name of the object,
``..`` goes up, a ``%`` that escapes nothing is an error.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

__all__ = ["GoUrlError", "join_path", "key_of"]

_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")
_IN_PATHS = _UNRESERVED | frozenset("$&+,/:;=@")
_VALID_RAW = _IN_PATHS | frozenset("!'()*[]%")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class GoUrlError(ValueError):
    """A text that Go does not take for a URL; its message is Go's."""


def join_path(*parts: str) -> str:
    """The path, query and fragment of a place below the root of a storage (flytestdlib ``storage/url_path.go``).

    Args:
        *parts: Parts of the key; slashes at their ends do not count.

    Raises:
        GoUrlError: They make no URL.
    """
    text = "/" + "/".join(part.strip("/") for part in parts)
    path, query, fragment = _split(text)
    found = _resolved(_escaped(path))
    escaped = _escaped(found)
    return escaped + (f"?{query}" if query is not None else "") + (f"#{_escape_fragment(fragment)}" if fragment else "")


def key_of(url: str) -> str:
    """The key that a place names: its path without escapes, and without what follows ``#`` or ``?``.

    Args:
        url: What follows the scheme and the bucket.

    Raises:
        GoUrlError: It is no URL.
    """
    return unquote(_split(url)[0], errors="surrogateescape").strip("/")


def _split(text: str) -> tuple[str, str | None, str]:
    """Raw path, query and fragment."""
    rest, _, fragment = text.partition("#")
    if _CONTROL.search(rest):
        raise GoUrlError(f"parse {_quoted(text)}: net/url: invalid control character in URL")
    path, mark, query = rest.partition("?")
    for part in (path, fragment):
        bad = _BAD_ESCAPE.search(part)
        if bad is not None:
            raise GoUrlError(f'parse "{text if part == path else rest}": invalid URL escape "{bad[0]}"')
    return path, query if mark else None, fragment


def _escaped(raw: str) -> str:
    """A path as it is written: as it was given where that is legal, else escaped anew."""
    if all(char in _VALID_RAW for char in raw):
        return raw
    data = unquote(raw, errors="surrogateescape").encode(errors="surrogateescape")
    return "".join(chr(byte) if chr(byte) in _IN_PATHS else f"%{byte:02X}" for byte in data)


def _escape_fragment(raw: str) -> str:
    if all(char in _VALID_RAW or char == "?" for char in raw):
        return raw
    data = unquote(raw, errors="surrogateescape").encode(errors="surrogateescape")
    kept = _IN_PATHS | frozenset("!()*?")
    return "".join(chr(byte) if chr(byte) in kept else f"%{byte:02X}" for byte in data)


def _resolved(path: str) -> str:
    """An absolute path without ``.`` and ``..``, as RFC 3986 has it: it never leaves the root."""
    kept: list[str] = []
    parts = path.removeprefix("/").split("/")
    for part in parts:
        if part == "..":
            if kept:
                kept.pop()
        elif part != ".":
            kept.append(part)
    if parts[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def _quoted(text: str) -> str:
    return '"' + _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text) + '"'
