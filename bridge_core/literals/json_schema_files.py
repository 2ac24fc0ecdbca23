"""Files, directories and frames inside a dataclass or model: how a JSON schema shows them, and what stands for them there.

flytekit writes ``{"path": uri}`` for FlyteFile and FlyteDirectory, ``{"uri": …, "file_format": …}`` for StructuredDataset and
``{"remote_path": uri}`` for FlyteSchema; Flyte 2's classes have the same fields under other titles.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..model.references import DirectoryRef, FileRef, FrameRef
from .encoded import is_token
from .problems import show
from .sdk_objects import LocalData, Unusable, is_frame
from .sources import checked_uri, reference_in
from .structured_dataset import found_frame
from .uris import local_path, remote_uri

if TYPE_CHECKING:
    from flyteidl.core.types_pb2 import LiteralType

    from .coder import Job
    from .problems import Where

__all__ = ["DataForm", "data_form", "struct_reference"]


@dataclass(frozen=True, slots=True)
class DataForm:
    """How one class of an SDK is written inside a structure."""

    title: str
    """The class, for messages."""
    kind: str
    """``"file"``, ``"directory"`` or ``"frame"``."""
    key: str
    """The field with the URI."""
    format_key: str | None = None
    """The field with a frame's format."""


_FORMS = {
    "FlyteFile": DataForm("FlyteFile", "file", "path"),
    "_SpecificFormatClass": DataForm("FlyteFile", "file", "path"),  # FlyteFile["csv"] in a pydantic model
    "FlyteDirectory": DataForm("FlyteDirectory", "directory", "path"),
    "_SpecificFormatDirectoryClass": DataForm("FlyteDirectory", "directory", "path"),
    "StructuredDataset": DataForm("StructuredDataset", "frame", "uri", "file_format"),
    "FlyteSchema": DataForm("FlyteSchema", "frame", "remote_path"),
}
_FORMS_2 = {
    "File": DataForm("File", "file", "path"),
    "Dir": DataForm("Dir", "directory", "path"),
    "DataFrame": DataForm("DataFrame", "frame", "uri", "format"),
}
_FIELDS_2 = {"path": {"path", "name", "hash", "format"}, "uri": {"uri", "hash", "format"}}
_SINGLE = 0


def data_form(node: Mapping[str, Any], kind: LiteralType | None) -> DataForm | None:
    """What an object of a schema is when it is a file, directory or frame.

    Args:
        node: The object's schema.
        kind: Its Flyte type, where the remote type names it: subclasses of FlyteFile have titles of their own.
    """
    properties = node.get("properties")
    if not isinstance(properties, Mapping):
        return None
    title = str(node.get("title") or "")
    form = _FORMS.get(title)
    if form is None and (second := _FORMS_2.get(title)) is not None and properties.keys() == _FIELDS_2[second.key]:
        form = second
    if form is None and kind is not None and kind.WhichOneof("type") == "blob":
        form = _FORMS["FlyteFile" if kind.blob.dimensionality == _SINGLE else "FlyteDirectory"]
    return form if form is not None and form.key in properties else None


def struct_reference(form: DataForm, value: Any, where: Where, job: Job) -> tuple[Any, bool]:
    """What is written for a value, and whether that is final; a value that is not must pass the object's own schema."""
    found = reference_in(value)
    if isinstance(found, Unusable):
        job.note(where, found.why)
        return None, True
    if isinstance(found, Mapping):
        return _written(form, found, where, job)
    uri = _of_frame(form, found, where, job) if form.kind == "frame" else _of_blob(form, found, where, job)
    return (value, False) if uri is None else (uri or None, True)


def _of_frame(form: DataForm, value: Any, where: Where, job: Job) -> dict[str, Any] | None:
    """The fields of a frame; empty ones after a problem; None when the value stands for none."""
    if not (isinstance(value, (FrameRef, LocalData, str, os.PathLike)) or is_frame(value)):
        return None
    found = found_frame("", form.title, value, where, job)
    if found is None:
        return {}
    return {form.key: found[0], form.format_key: found[1]} if form.format_key else {form.key: found[0]}


def _of_blob(form: DataForm, value: Any, where: Where, job: Job) -> dict[str, Any] | None:
    """The fields of a file or directory; empty ones after a problem; None when the value stands for none."""
    directory = form.kind == "directory"
    if isinstance(value, (FileRef, DirectoryRef, LocalData)):
        kind = (
            value.kind if isinstance(value, LocalData) else "directory" if isinstance(value, DirectoryRef) else "file"
        )
        if kind != form.kind:
            job.wrong(where, form.title, value)
            return {}
        if not isinstance(value, LocalData):
            uri = checked_uri(value.uri, where, job)
            return {form.key: uri} if uri else {}
        value = value.path
    remote = remote_uri(value)
    if remote is not None:
        return {form.key: remote}
    path = local_path(value)
    if path is not None:
        return {form.key: job.upload(where, Path(path), form.kind, Path(path).name)}
    if isinstance(value, bytes) and not directory:
        return {form.key: job.upload(where, value, "bytes", "data")}
    return None


def _written(form: DataForm, value: Mapping[str, Any], where: Where, job: Job) -> tuple[Any, bool]:
    """The form Flyte writes: a remote URI stays, a local path is uploaded, an empty one is refused."""
    given = value.get(form.key)
    if given is None or given == "":
        others = [name for name in value if name not in (form.key, form.format_key)]
        if not others:
            job.note(
                where,
                f"expected a {form.kind} ({form.title}) with {form.key!r}: a URI or local path; got {show(value)}",
            )
        return (value, False) if others else (None, True)
    if isinstance(given, str) and is_token(given):
        return (None, True) if checked_uri(given, where, job) is None else (value, False)
    if not isinstance(given, (str, os.PathLike)) or (isinstance(given, str) and remote_uri(given)):
        return value, False
    if form.kind == "frame":
        stored = str(value.get(form.format_key) or "") if form.format_key else ""
        frame = found_frame("", form.title, {"uri": given, "file_format": stored}, where, job)
        if frame is None:
            return None, True
        beside = {form.format_key: frame[1]} if form.format_key else {}
        return {**value, form.key: frame[0], **beside}, False
    blob = _of_blob(form, given, where, job)
    return ({**value, **blob}, False) if blob else (value, False)
