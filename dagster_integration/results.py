"""A run and its outputs as Dagster metadata: what a materialization shows."""

from __future__ import annotations

import enum
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import dagster as dg

from bridge_core import DirectoryRef, FileRef, FrameRef, InvalidRequest, RunOutputs

if TYPE_CHECKING:
    from bridge_core import RunSnapshot

__all__ = ["LONGEST", "Shown", "materialize_result", "output_metadata", "run_metadata"]

LONGEST = 32_768
"""Characters of one text or JSON value: it is stored with every materialization and sent to every page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Which outputs become metadata.

    Attributes:
        names: Those; None for all.
        limit: Characters of one value at most.
    """

    names: frozenset[str] | None
    limit: int = LONGEST

    @classmethod
    def of(cls, given: bool | Sequence[str], *, limit: int) -> Shown:  # what users write: True, False or names
        """Reads ``metadata_outputs`` and ``metadata_limit``.

        Raises:
            InvalidRequest: One of them cannot be read.
        """
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
            raise InvalidRequest(f"metadata_limit must be a number of characters, 0 or more, got {limit!r}")
        if isinstance(given, bool):
            return cls(names=None if given else frozenset(), limit=limit)
        if isinstance(given, str) or not all(isinstance(name, str) for name in given):
            raise InvalidRequest(f"metadata_outputs must be True, False or a list of output names, got {given!r}")
        return cls(names=frozenset(given), limit=limit)

    @property
    def any(self) -> bool:
        """Whether any output is wanted."""
        return self.names is None or bool(self.names)


def materialize_result(
    snapshot: RunSnapshot,
    outputs: Mapping[str, Any],
    *,
    differing: Sequence[str] | None = None,
    shown: Shown | None = None,
    log: dg.DagsterLogManager | None = None,
) -> dg.MaterializeResult[Any]:
    """The materialization of a run that succeeded: the run under ``flyte/…``, each output under its own name.

    Args:
        snapshot: How it ended.
        outputs: What it gave.
        differing: Inputs that this try would have given otherwise; None when the run has this try's inputs.
        shown: Which outputs become metadata; None for all.
        log: Is told of outputs that were named and are not there.
    """
    metadata = run_metadata(snapshot)
    if differing is not None:
        metadata["flyte/inputs_differ"] = dg.MetadataValue.text(
            f"{', '.join(differing) or 'unknown ones'}: an earlier try launched this run with other inputs than this try has, "
            "and they stayed in force"
        )
    shown = shown or Shown(names=None)
    version = _data_version(snapshot, outputs)
    if shown.names is not None:
        if log is not None and (missing := shown.names - set(outputs)):
            log.warning(
                "metadata_outputs names %s, which run %s does not have; it has %s",
                ", ".join(sorted(missing)),
                snapshot.ref,
                ", ".join(outputs) or "none",
            )
        outputs = {name: value for name, value in outputs.items() if name in shown.names}
    return dg.MaterializeResult(
        metadata={**metadata, **output_metadata(outputs, limit=shown.limit)}, data_version=dg.DataVersion(version)
    )


def _data_version(snapshot: RunSnapshot, outputs: Mapping[str, Any]) -> str:
    """The hash that the task computed for the only output (``HashMethod``): equal data are no news downstream. Else the run."""
    if isinstance(outputs, RunOutputs) and len(outputs) == 1:
        (name,) = outputs
        return outputs.hash(name) or snapshot.ref.name
    return snapshot.ref.name


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


def output_metadata(outputs: Mapping[str, Any], *, limit: int = LONGEST) -> dict[str, dg.MetadataValue]:
    """Each output under its own name, with the type that the Dagster UI shows best.

    The only frame (or, without frames, the only reference) also gives ``dagster/uri`` and, when its columns are known,
    ``dagster/column_schema``. Several frames give ``<output>/column_schema`` each.
    """
    metadata = {name: _metadata_value(value, limit) for name, value in outputs.items()}
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


def _metadata_value(value: Any, limit: int) -> dg.MetadataValue:
    match value:
        case None:
            return dg.MetadataValue.null()
        case enum.Enum():
            return _metadata_value(value.value, limit)
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
            return _json_value(_plain(value), limit)
    plain = _plain(value)
    return dg.MetadataValue.text(_shortened(plain if isinstance(plain, str) else str(plain), limit))


def _json_value(plain: Any, limit: int) -> dg.MetadataValue:
    text = json.dumps(plain, ensure_ascii=False)
    return dg.MetadataValue.json(plain) if len(text) <= limit else dg.MetadataValue.text(_shortened(text, limit))


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


def _shortened(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… ({len(text)} characters; Client.outputs gives the whole value)"
