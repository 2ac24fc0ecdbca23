"""StructuredDataset and the legacy Schema: a frame is a parquet (or CSV) file, and its literal holds the URI.

flytekit reads parquet from any file directly below the literal's URI and writes ``<uri>/00000``; it reads CSV from
``<uri>/.csv``. So a frame or a local file is uploaded under that name, and the literal gets the URI of the directory above
(`Upload.literal_uri`). `dataframes.py` reads and writes the files themselves.
"""

# ruff: noqa: D102, ARG002 - methods are described where Coder declares them

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..model.references import FrameRef
from .coder import Coder, Job, kind_of
from .describe import schema_column_type, type_name
from .problems import Where, show
from .sdk_objects import LocalData, Unusable, is_frame, sdk_extras
from .sources import checked_uri, reference_in, written_path
from .uris import local_path, remote_uri

if TYPE_CHECKING:
    from flyteidl.core.literals_pb2 import Literal
    from flyteidl.core.types_pb2 import SchemaType, StructuredDatasetType

__all__ = ["FrameCoder", "SchemaCoder", "found_frame", "frame_reference", "schema_reference"]

_FILE_NAMES = {"parquet": "00000", "csv": ".csv"}
_SUFFIXES = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv"}


class FrameCoder(Coder):
    """A StructuredDataset type."""

    __slots__ = ("_type",)

    def __init__(self, wanted: str, frame_type: StructuredDatasetType) -> None:
        super().__init__(wanted)
        self._type = frame_type

    def fill(self, out: Literal, value: Any, where: Where, job: Job) -> None:
        found = found_frame(self._type.format, self.wanted, value, where, job)
        if found is not None:
            frame = out.scalar.structured_dataset
            frame.uri, form = found
            kind = frame.metadata.structured_dataset_type
            kind.CopyFrom(self._type)
            kind.format = self._type.format or form
            out.hash = sdk_extras(value)[0]

    def read(self, literal: Literal, where: Where) -> Any:
        kind = kind_of(literal)
        if kind == "structured_dataset":
            return frame_reference(literal, self._type)
        return schema_reference(literal) if kind == "schema" else self.read_other(literal, where)

    def plain(self, value: Any, where: Where) -> Any:
        if isinstance(value, dict) and isinstance(value.get("uri"), str):
            return FrameRef(
                uri=value["uri"], format=str(value.get("file_format") or "parquet"), schema=_columns(self._type)
            )
        return value


class SchemaCoder(Coder):
    """A legacy Schema type: always parquet."""

    __slots__ = ("_type",)

    def __init__(self, wanted: str, schema_type: SchemaType) -> None:
        super().__init__(wanted)
        self._type = schema_type

    def fill(self, out: Literal, value: Any, where: Where, job: Job) -> None:
        found = found_frame("parquet", self.wanted, value, where, job)
        if found is not None:
            out.scalar.schema.uri = found[0]
            out.scalar.schema.type.CopyFrom(self._type)

    def read(self, literal: Literal, where: Where) -> Any:
        kind = kind_of(literal)
        if kind == "schema":
            return schema_reference(literal)
        return frame_reference(literal) if kind == "structured_dataset" else self.read_other(literal, where)


def found_frame(form: str, wanted: str, given: Any, where: Where, job: Job) -> tuple[str, str] | None:
    """URI (or token) and format of whatever stands for a frame; None when nothing does, which the job then knows."""
    value, stored = reference_in(given), ""
    if isinstance(value, LocalData):
        value, stored = value.path, form or "parquet"
    elif isinstance(named := written_path(value, "uri"), (str, os.PathLike)):
        job.coerced, stored = True, str(value.get("file_format") or value.get("format") or "")
        remote = remote_uri(named)
        value = named if remote is None else FrameRef(uri=remote, format=stored or form or "parquet")
    if isinstance(value, FrameRef):
        if form and value.format and form != value.format:
            job.note(where, f"expected {wanted}, got a frame of format {value.format!r} ({value.uri})")
            return None
        uri = checked_uri(value.uri, where, job)
        return (uri, value.format or "parquet") if uri else None
    if isinstance(value, Unusable):
        job.note(where, value.why)
        return None
    found = _frame_source(form, value, where, job, stored=stored)
    if found is None:
        local = local_path(value) if not is_frame(value) else None
        got = f"the path {local!r}" if local else show(value)
        takes = f"a local path ending in {'.csv' if form == 'csv' else '.parquet' if form == 'parquet' else '.parquet or .csv'}"
        frame = "" if form not in ("", "parquet") else "a pandas, pyarrow or polars frame, "
        job.note(where, f"expected {wanted} ({frame}FrameRef, URI, or {takes}), got {got}")
    return found


def _frame_source(form: str, value: Any, where: Where, job: Job, *, stored: str) -> tuple[str, str] | None:
    """URI (or token) and format for a frame, a URI or a local file; None when it is none of these or the format differs.

    Args:
        form: The format that is wanted, empty for any.
        value: The frame.
        where: Its path.
        job: Takes the upload.
        stored: The format of a local frame as Flyte stores one: a folder, unless its name says that it is a file.
    """
    if is_frame(value):
        if form not in ("", "parquet"):
            return None
        return job.upload(where, value, "frame", _FILE_NAMES["parquet"], parent=True), "parquet"
    remote = remote_uri(value)
    if remote is not None:
        job.coerced = True
        return remote, form or "parquet"
    path = local_path(value)
    if path is None:
        return None
    named = _SUFFIXES.get(Path(path).suffix.lower(), "")
    found = named or stored
    if not found or form not in ("", found) or (named and stored not in ("", named)):
        return None
    job.coerced = True
    if named:
        return job.upload(where, Path(path), "file", _FILE_NAMES[named], parent=True), named
    return job.upload(where, Path(path), "directory", Path(path).name), stored


def frame_reference(literal: Literal, declared: StructuredDatasetType | None = None) -> FrameRef:
    """The reference in a structured dataset literal; columns from the declared type when the literal names none."""
    frame = literal.scalar.structured_dataset
    kind = frame.metadata.structured_dataset_type
    columns = _columns(kind) or (_columns(declared) if declared is not None else ())
    return FrameRef(
        uri=frame.uri, format=kind.format or (declared.format if declared else "") or "parquet", schema=columns
    )


def schema_reference(literal: Literal) -> FrameRef:
    """The reference in a legacy schema literal."""
    schema = literal.scalar.schema
    return FrameRef(uri=schema.uri, schema=tuple((c.name, schema_column_type(c.type)) for c in schema.type.columns))


def _columns(kind: StructuredDatasetType) -> tuple[tuple[str, str], ...]:
    return tuple((column.name, type_name(column.literal_type)) for column in kind.columns)
