"""What callers pass for a file, directory or frame: references of ours, objects of an SDK, and the form Flyte writes them in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..model.references import DirectoryRef, FileRef, FrameRef
from .encoded import is_token
from .sdk_objects import sdk_reference

if TYPE_CHECKING:
    from .coder import Job
    from .problems import Where

__all__ = ["checked_uri", "reference_in", "written_path"]

_BESIDE = {"path": {"metadata", "name", "format", "hash"}, "uri": {"file_format", "format", "hash"}}


def reference_in(value: Any) -> Any:
    """What stands for data in a value; other values as they are.

    Returns:
        A reference for its dict form (``to_dict``), as XCom and event logs carry it; for an object of an SDK what
        `sdk_reference` gives.
    """
    if isinstance(value, dict):
        kind = value.get("flyte_ref") if isinstance(value.get("uri"), str) else None
        if kind == "file":
            return FileRef.from_dict(value)
        if kind == "directory":
            return DirectoryRef.from_dict(value)
        return FrameRef.from_dict(value) if kind == "frame" else value
    return sdk_reference(value)


def written_path(value: Any, key: str) -> Any:
    """What ``{"path": …}`` or ``{"uri": …}`` names, which stand for a file or frame inside a structure; None for other values."""
    return value.get(key) if isinstance(value, Mapping) and value.keys() <= {key, *_BESIDE[key]} else None


def checked_uri(uri: str, where: Where, job: Job) -> str | None:
    """A URI of the caller's, unless it can mean nothing to a task."""
    if not uri:
        problem = "no URI"
    elif is_token(uri):
        problem = f"the URI {uri}, which stands for an upload of this library"
    elif uri.endswith("://"):
        problem = f"the URI {uri}, which names nothing"
    else:
        return uri
    job.note(where, f"the reference has {problem}")
    return None
