"""Values and snapshots as text and as JSON."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..references import DirectoryRef, FileRef, FrameRef

if TYPE_CHECKING:
    from ..runs import RunSnapshot

__all__ = ["outputs_lines", "print_json", "snapshot_dict"]


def snapshot_dict(snapshot: RunSnapshot) -> dict[str, Any]:
    """A snapshot as plain JSON; the shape is stable."""
    return {
        "run": str(snapshot.ref),
        "phase": snapshot.phase.value,
        "entity": str(snapshot.entity) if snapshot.entity else None,
        "created_at": snapshot.created_at,
        "started_at": snapshot.started_at,
        "ended_at": snapshot.ended_at,
        "error": dataclasses.asdict(snapshot.error) if snapshot.error else None,
        "abort_reason": snapshot.abort_reason,
        "console_url": snapshot.console_url,
    }


def outputs_lines(outputs: Mapping[str, Any]) -> list[str]:
    """One line per output: ``name = value``."""
    return [f"  {name} = {json.dumps(value, default=_plain, ensure_ascii=False)}" for name, value in outputs.items()]


def print_json(value: Any) -> None:
    """Prints one JSON document."""
    print(json.dumps(value, default=_plain, indent=2, ensure_ascii=False))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, FileRef | DirectoryRef | FrameRef):
        return value.to_dict()
    return str(value)
