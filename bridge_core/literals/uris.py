"""Whether a value names data that tasks can read (a URI with a scheme), or a path of this machine."""

from __future__ import annotations

import os
import re
from pathlib import PurePath
from typing import Any
from urllib.parse import unquote, urlsplit

__all__ = ["is_remote", "local_path", "remote_uri"]

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")  # two characters at least: C:\ is a drive


def is_remote(text: str) -> bool:
    """Whether a text is a URI that a task can read: it has a scheme, and not ``file``."""
    return bool(_SCHEME.match(text)) and not text.lower().startswith("file://")


def local_path(value: Any) -> str | None:
    """The local path a value names: a path object, a text without scheme, a ``file://`` URI."""
    if isinstance(value, str):
        if value.lower().startswith("file://"):
            return unquote(urlsplit(value).path) or None
        return value if value.strip() and "\0" not in value else None
    if isinstance(value, os.PathLike):
        path = os.fspath(value)
        return os.fsdecode(path) if isinstance(path, bytes) else str(path)
    return None


def remote_uri(value: Any) -> str | None:
    """The URI a value is: a text, or a path object of a library for remote files, which is not asked to download it."""
    if isinstance(value, os.PathLike) and not isinstance(value, PurePath):
        value = str(value)
    return value if isinstance(value, str) and is_remote(value) else None
