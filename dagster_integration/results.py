"""A run and its outputs as Dagster metadata: what a materialization shows."""

from __future__ import annotations

import enum
import json
import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import dagster as dg

from bridge_core import DirectoryRef, FileRef, FrameRef

if TYPE_CHECKING:
    from bridge_core import RunOutputs, RunSnapshot

__all__ = ["materialize_result", "output_metadata", "run_metadata"]

_LONGEST = (
    32_768  # characters of one text or JSON value: it is stored with every materialization and sent to every page
)


def materialize_result(snapshot: RunSnapshot, outputs: RunOutputs) -> dg.MaterializeResult[Any]:
    """The materialization of a run that succeeded: the run under ``flyte/…``, each output under its own name."""
    return dg.MaterializeResult(metadata={**run_metadata(snapshot), **output_metadata(outputs)})


def run_metadata(snapshot: RunSnapshot) -> dict[str, dg.MetadataValue]:
    """Which run it was, how it ended, and where to look at it."""
    metadata: dict[str, dg.MetadataValue] = {
        "flyte/execution": dg.MetadataValue.text(str(snapshot.ref)),
        "flyte/run_name": dg.MetadataValue.text(snapshot.ref.name),
        "flyte/phase": dg.MetadataValue.text(snapshot.phase.value),
    }
    if snapshot.entity is not None:
        metadata["flyte/entity"] = dg.MetadataValue.text(str(snapshot.entity))
    if snapshot.duration is not None:
        metadata["flyte/duration_seconds"] = dg.MetadataValue.float(snapshot.duration.total_seconds())
    if snapshot.console_url:
        metadata["flyte/console"] = dg.MetadataValue.url(snapshot.console_url)
    return metadata


def output_metadata(outputs: Mapping[str, Any]) -> dict[str, dg.MetadataValue]:
    """Each output under its own name, with the type that the Dagster UI shows best.

    The only frame (or, without frames, the only reference) also gives ``dagster/uri`` and, when its columns are known,
    ``dagster/column_schema``. Several frames give ``<output>/column_schema`` each.
    """
    metadata = {name: _metadata_value(value) for name, value in outputs.items()}
    frames = {name: value for name, value in outputs.items() if isinstance(value, FrameRef)}
    places = [frame.uri for frame in frames.values()]
    places = places or [value.uri for value in outputs.values() if isinstance(value, FileRef | DirectoryRef)]
    if len(places) == 1:
        metadata["dagster/uri"] = dg.MetadataValue.text(places[0])
    for name, frame in frames.items():
        if frame.schema:
            key = "dagster/column_schema" if len(frames) == 1 else f"{name}/column_schema"
            columns = [dg.TableColumn(name=column, type=kind) for column, kind in frame.schema]
            metadata[key] = dg.MetadataValue.table_schema(dg.TableSchema(columns=columns))
    return metadata


def _metadata_value(value: Any) -> dg.MetadataValue:
    match value:
        case None:
            return dg.MetadataValue.null()
        case enum.Enum():
            return _metadata_value(value.value)
        case bool():
            return dg.MetadataValue.bool(value)
        case int():
            return dg.MetadataValue.int(value)
        case float() if math.isfinite(value):  # NaN and infinities are no JSON, so the event log could not be served
            return dg.MetadataValue.float(value)
        case datetime() if value.tzinfo is not None:
            return dg.MetadataValue.timestamp(value)
        case FileRef() | DirectoryRef() | FrameRef():
            return dg.MetadataValue.path(value.uri)
        case PurePath():
            return dg.MetadataValue.path(str(value))
        case Mapping() | list() | tuple() | set() | frozenset():
            return _json_value(_plain(value))
    plain = _plain(value)
    return dg.MetadataValue.text(_shortened(plain if isinstance(plain, str) else str(plain)))


def _json_value(plain: Any) -> dg.MetadataValue:
    text = json.dumps(plain, ensure_ascii=False)
    return dg.MetadataValue.json(plain) if len(text) <= _LONGEST else dg.MetadataValue.text(_shortened(text))


def _plain(value: Any) -> Any:
    """The value as JSON has it; what JSON cannot say becomes a text."""
    match value:
        case enum.Enum():
            return _plain(value.value)
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta() | PurePath():
            return str(value)
        case bytes():
            return f"{len(value)} bytes"
        case FileRef() | DirectoryRef() | FrameRef():
            return value.to_dict()
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(item) for item in value]
    return repr(value)


def _shortened(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}… ({len(text)} characters; Client.outputs gives the whole value)"
