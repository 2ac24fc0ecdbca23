"""Files and directories: references and remote URIs pass through, local paths and bytes become uploads.

Whether a local path exists is not asked here: this package does no I/O, and the uploader reports it with the same path.
"""

# ruff: noqa: D102, ARG002 - methods are described where Coder declares them

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..model.references import DirectoryRef, FileRef
from .arrays import FORMAT as ARRAY_FORMAT
from .arrays import is_array
from .coder import Coder, Job, kind_of
from .problems import Where, show
from .sdk_objects import LocalData, Unusable, sdk_extras
from .sources import checked_uri, reference_in, written_path
from .uris import local_path, remote_uri

if TYPE_CHECKING:
    from flyteidl.core.literals_pb2 import Literal
    from flyteidl.core.types_pb2 import BlobType

__all__ = ["BlobCoder", "blob_reference"]

_SINGLE, _MULTIPART = 0, 1


class BlobCoder(Coder):
    """One blob type: SINGLE is a file, MULTIPART a directory."""

    __slots__ = ("_type", "multipart")

    def __init__(self, wanted: str, blob_type: BlobType) -> None:
        super().__init__(wanted)
        self._type = blob_type
        self.multipart = blob_type.dimensionality == _MULTIPART

    def fill(self, out: Literal, value: Any, where: Where, job: Job) -> None:
        uri = self._uri(value, where, job)
        if uri is not None:
            blob = out.scalar.blob
            blob.uri = uri
            blob.metadata.type.CopyFrom(self._type)
            blob.metadata.SetInParent()
            digest, metadata = sdk_extras(value)
            out.hash = digest
            out.metadata.update(metadata)

    def _uri(self, given: Any, where: Where, job: Job) -> str | None:
        value = reference_in(given)
        if isinstance(value, (FileRef, DirectoryRef)):
            if isinstance(value, DirectoryRef) is not self.multipart:
                job.wrong(where, self.wanted, given)
                return None
            if value.format and self._type.format and value.format != self._type.format:
                job.note(where, f"expected {self.wanted}, got one of format {value.format!r} ({value.uri})")
                return None
            return checked_uri(value.uri, where, job)
        if isinstance(value, Unusable):
            job.note(where, value.why)
            return None
        if isinstance(value, LocalData):
            if value.kind != ("directory" if self.multipart else "file"):
                job.wrong(where, self.wanted, given)
                return None
            value = value.path
        elif isinstance(named := written_path(value, "path"), (str, os.PathLike)):
            job.coerced = True
            value = named
        return self._uri_of_data(value, where, job)

    def _uri_of_data(self, value: Any, where: Where, job: Job) -> str | None:
        remote = remote_uri(value)
        if remote is not None:
            job.coerced = True
            return checked_uri(remote, where, job)
        if self._type.format == ARRAY_FORMAT and is_array(value):
            return job.upload(where, value, "array", "array.npy")
        path = local_path(value)
        if path is not None:
            job.coerced = True
            return job.upload(where, Path(path), "directory" if self.multipart else "file", Path(path).name)
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
