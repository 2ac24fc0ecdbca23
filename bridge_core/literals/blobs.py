"""Files and directories: references and remote URIs pass through, local paths and bytes become uploads.

Whether a local path exists is not asked here: this package does no I/O, and the uploader reports it with the same path.
"""

# ruff: noqa: D102, ARG002 - methods are described where Coder declares them

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from ..model.references import DirectoryRef, FileRef, FrameRef
from .arrays import FORMAT as ARRAY_FORMAT
from .arrays import is_array
from .coder import Coder, Job, kind_of
from .encoded import is_token
from .problems import Where, show

if TYPE_CHECKING:
    from flyteidl.core.literals_pb2 import Literal
    from flyteidl.core.types_pb2 import BlobType

__all__ = ["BlobCoder", "checked_uri", "is_remote", "local_path", "reference_in", "struct_reference"]

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")  # two characters at least: C:\ is a drive
_SINGLE, _MULTIPART = 0, 1


class BlobCoder(Coder):
    """One blob type: SINGLE is a file, MULTIPART a directory."""

    __slots__ = ("_type", "multipart")

    def __init__(self, wanted: str, blob_type: BlobType) -> None:
        super().__init__(wanted)
        self._type = blob_type
        self.multipart = blob_type.dimensionality == _MULTIPART

    def fill(self, out: Literal, value: Any, where: Where, job: Job) -> None:
        uri = self._uri(reference_in(value), where, job)
        if uri is not None:
            blob = out.scalar.blob
            blob.uri = uri
            blob.metadata.type.CopyFrom(self._type)
            blob.metadata.SetInParent()

    def _uri(self, value: Any, where: Where, job: Job) -> str | None:
        if isinstance(value, (FileRef, DirectoryRef)):
            if isinstance(value, DirectoryRef) is not self.multipart:
                job.wrong(where, self.wanted, value)
                return None
            if value.format and self._type.format and value.format != self._type.format:
                job.note(where, f"expected {self.wanted}, got one of format {value.format!r} ({value.uri})")
                return None
            return checked_uri(value.uri, where, job)
        if isinstance(value, str) and is_remote(value):
            job.coerced = True
            return checked_uri(value, where, job)
        if self._type.format == ARRAY_FORMAT and is_array(value):
            return job.upload(where, value, "array", "array.npy")
        path = local_path(value)
        if path is not None:
            job.coerced = True
            return job.upload(where, Path(path), "directory" if self.multipart else "file", _leaf(path))
        if isinstance(value, (bytes, bytearray)) and not self.multipart:
            job.coerced = True
            return job.upload(
                where, bytes(value), "bytes", f"data.{self._type.format}" if self._type.format else "data"
            )
        what = "DirectoryRef, URI or local path" if self.multipart else "FileRef, URI, local path or bytes"
        what = f"a numpy array, {what}" if self._type.format == ARRAY_FORMAT else what
        job.note(where, f"expected {self.wanted} ({what}), got {show(value)}")
        return None

    def read(self, literal: Literal, where: Where) -> Any:
        return blob_reference(literal) if kind_of(literal) == "blob" else self.read_other(literal, where)

    def plain(self, value: Any, where: Where) -> Any:
        uri = value.get("path") if isinstance(value, dict) else value
        if not isinstance(uri, str):
            return value
        kind = DirectoryRef if self.multipart else FileRef
        return kind(uri=uri, format=self._type.format)


def blob_reference(literal: Literal) -> FileRef | DirectoryRef:
    """The reference in a blob literal. A pickle is a file like any other; nothing here ever opens it."""
    blob = literal.scalar.blob
    if blob.metadata.type.dimensionality == _MULTIPART:
        return DirectoryRef(uri=blob.uri, format=blob.metadata.type.format)
    return FileRef(uri=blob.uri, format=blob.metadata.type.format)


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
        from .frames import frame_source

        found = frame_source("", value, where, job)
        return {"uri": found[0], "file_format": found[1]} if found else None
    if isinstance(value, str) and is_remote(value):
        return {"path": value}
    path = local_path(value)
    if path is not None:
        kind = "directory" if title == "FlyteDirectory" else "file"
        return {"path": job.upload(where, Path(path), kind, _leaf(path))}
    if isinstance(value, bytes) and title == "FlyteFile":
        return {"path": job.upload(where, value, "bytes", "data")}
    return None


def _leaf(path: str) -> str:
    return Path(path).name
