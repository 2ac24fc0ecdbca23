"""Files, directories and frames inside a dataclass or model: what stands for them there, and their uploads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..model.references import DirectoryRef, FileRef, FrameRef
from .structured_dataset import frame_source
from .uris import is_remote, local_path, reference_in

if TYPE_CHECKING:
    from .coder import Job
    from .problems import Where

__all__ = ["struct_reference"]


def struct_reference(title: str, value: Any, where: Where, job: Job) -> dict[str, Any] | None:
    """A file, directory or frame inside a dataclass, as flytekit stores it there; None when the value is something else.

    flytekit writes ``{"path": uri}`` for FlyteFile and FlyteDirectory, ``{"uri": …, "file_format": …}`` for
    StructuredDataset.
    """
    value = reference_in(value)
    if isinstance(value, FrameRef):
        return {"uri": value.uri, "file_format": value.format} if title == "StructuredDataset" else None
    if isinstance(value, (FileRef, DirectoryRef)):
        fits = title == ("FlyteDirectory" if isinstance(value, DirectoryRef) else "FlyteFile")
        return {"path": value.uri} if fits else None
    if title == "StructuredDataset":
        found = frame_source("", value, where, job)
        return {"uri": found[0], "file_format": found[1]} if found else None
    if isinstance(value, str) and is_remote(value):
        return {"path": value}
    path = local_path(value)
    if path is not None:
        kind = "directory" if title == "FlyteDirectory" else "file"
        return {"path": job.upload(where, Path(path), kind, Path(path).name)}
    if isinstance(value, bytes) and title == "FlyteFile":
        return {"path": job.upload(where, value, "bytes", "data")}
    return None
