"""What a value of the caller's says about where data is: a reference, a URI that tasks can read, or a local path."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from ..model.references import DirectoryRef, FileRef, FrameRef
from .encoded import is_token

if TYPE_CHECKING:
    from .coder import Job
    from .problems import Where

__all__ = ["checked_uri", "is_remote", "local_path", "reference_in"]

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")  # two characters at least: C:\ is a drive


def reference_in(value: Any) -> Any:
    """The reference in its dict form (``to_dict``), as XCom and event logs carry it; other values as they are."""
    if isinstance(value, dict) and isinstance(value.get("uri"), str):
        kind = value.get("flyte_ref")
        if kind == "file":
            return FileRef.from_dict(value)
        if kind == "directory":
            return DirectoryRef.from_dict(value)
        if kind == "frame":
            return FrameRef.from_dict(value)
    return value


def checked_uri(uri: str, where: Where, job: Job) -> str | None:
    """A URI of the caller's, unless it can mean nothing to a task."""
    if uri and not is_token(uri):
        return uri
    job.note(
        where,
        f"the reference has {'no URI' if not uri else f'the URI {uri}, which stands for an upload of this library'}",
    )
    return None


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
