"""Data as objects of other libraries: files and frames of the Flyte SDKs, data frames. Told by name; nothing is imported."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from typing import Any

from ..model.references import DirectoryRef, FileRef, FrameRef
from .uris import is_remote

__all__ = [
    "LocalData",
    "Unusable",
    "data_fields",
    "is_data",
    "is_data_class",
    "is_frame",
    "sdk_extras",
    "sdk_reference",
]

_FRAMES = {("pandas", "DataFrame"), ("pyarrow", "Table"), ("polars", "DataFrame"), ("polars", "LazyFrame")}
_SDK = {
    ("flytekit", "FlyteFile"): "file", ("flytekit", "FlyteDirectory"): "directory", ("flytekit", "StructuredDataset"): "frame",
    ("flytekit", "FlyteSchema"): "schema",
    ("flyte", "File"): "file", ("flyte", "Dir"): "directory", ("flyte", "DataFrame"): "frame",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class LocalData:
    """A file or directory of this machine, as an SDK's object names it: to be uploaded."""

    path: str
    kind: str
    """``"file"``, ``"directory"`` or ``"frame"``."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """An SDK's object that cannot be sent, and why."""

    why: str


def is_frame(value: Any) -> bool:
    """Whether a value is a data frame of pandas, pyarrow or polars."""
    kind: Any = type(value)
    return _is_frame_class(kind)


def is_data(value: Any) -> bool:
    """Whether a value stands for a file, directory or frame: a reference of ours, an SDK's object, a data frame."""
    return is_data_class(type(value))


def is_data_class(kind: Any) -> bool:
    """Whether instances of a class stand for a file, directory or frame."""
    return kind in (FileRef, DirectoryRef, FrameRef) or _sdk_kind(kind) is not None or _is_frame_class(kind)


def sdk_reference(value: Any) -> Any:
    """What an object of a Flyte SDK stands for; any other value as it is.

    Returns:
        A reference when its data is remote, `LocalData` or the data frame in it when it is to be uploaded, `Unusable`.
    """
    of: Any = type(value)
    kind = _sdk_kind(of)
    if kind is None:
        return value
    if kind == "frame":
        return _frame(value)
    if kind == "schema":
        return _schema(value)
    return _blob(value, directory=kind == "directory")


def data_fields(reference: FileRef | DirectoryRef | FrameRef, target: Any) -> Any:
    """The fields with which an SDK's class is made for a reference; the reference when it is none, or one of another kind."""
    wanted = (
        "frame" if isinstance(reference, FrameRef) else "directory" if isinstance(reference, DirectoryRef) else "file"
    )
    if _sdk_kind(target) != wanted:
        return reference
    second = target.__module__.partition(".")[0] == "flyte"
    if isinstance(reference, FrameRef):
        return {"uri": reference.uri, "format" if second else "file_format": reference.format}
    return {"path": reference.uri, **({"format": reference.format} if second and reference.format else {})}


def sdk_extras(value: Any) -> tuple[str, dict[str, str]]:
    """Hash and metadata that an SDK's file, directory or frame has for its literal; nothing for other values."""
    of: Any = type(value)
    if _sdk_kind(of) is None:
        return "", {}
    digest, metadata = getattr(value, "hash", None), getattr(value, "metadata", None)
    return digest if isinstance(digest, str) else "", dict(metadata) if isinstance(metadata, dict) else {}


@functools.lru_cache(1024)
def _sdk_kind(kind: type) -> str | None:
    return next((_SDK[key] for base in kind.__mro__ if (key := _name(base)) in _SDK), None)


@functools.lru_cache(1024)
def _is_frame_class(kind: type) -> bool:
    return any(_name(base) in _FRAMES for base in kind.__mro__)


def _name(kind: type) -> tuple[str, str]:
    # pydantic's generic models are called File[int]
    return kind.__module__.partition(".")[0], kind.__name__.partition("[")[0]


def _blob(value: Any, *, directory: bool) -> Any:
    name = type(value).__name__
    source = getattr(value, "_remote_source", None) or getattr(value, "path", None)
    if not source:
        return Unusable(f"this {name} has no path")
    text = os.fspath(source) if isinstance(source, (str, os.PathLike)) else str(source)
    if is_remote(text):
        form = getattr(value, "format", "")
        return (DirectoryRef if directory else FileRef)(uri=text, format=form if isinstance(form, str) else "")
    place = getattr(value, "_remote_directory" if directory else "_remote_path", None)
    if place:
        return Unusable(
            f"this {name} asks for {place} as its place, and inputs are uploaded to a place of their own: upload it there with "
            "flyte.files.put and pass the URI"
        )
    return LocalData(text, "directory" if directory else "file")


def _frame(value: Any) -> Any:
    name = type(value).__name__
    frame = next((found for key in ("_dataframe", "_raw_df") if (found := getattr(value, key, None)) is not None), None)
    uri = getattr(value, "uri", None)
    form = getattr(value, "file_format", None) or getattr(value, "format", None) or ""
    sent = getattr(getattr(value, "_literal_sd", None), "uri", None)
    if frame is not None and getattr(value, "_already_uploaded", False) and (sent or uri):
        frame, uri = None, sent or uri
    if frame is None:
        uri = uri or sent
        if not uri:
            return Unusable(f"this {name} has neither a frame nor a URI")
        return FrameRef(uri=uri, format=form or "parquet") if is_remote(uri) else LocalData(uri, "frame")
    if uri:
        return Unusable(
            f"this {name} asks for {uri} as its place, and frames are uploaded to a place of their own: leave the URI out, or "
            "write it there and pass the URI alone"
        )
    if form not in ("", "parquet"):
        return Unusable(f"this {name} asks for format {form!r}, and frames are written as parquet: pass a .{form} file")
    return frame


def _schema(value: Any) -> Any:
    uri = getattr(value, "remote_path", None)
    if isinstance(uri, str) and is_remote(uri):
        return FrameRef(uri=uri)
    return Unusable(f"this {type(value).__name__} keeps its rows in a folder of this machine: pass the frame itself")
