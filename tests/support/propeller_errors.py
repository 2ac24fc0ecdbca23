"""Every error of the recorded FlytePropeller: of runs, of nodes (cut by FlyteAdmin at 100 bytes) and of attempts, each once."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge_core import RunError

__all__ = ["RecordedError", "recorded_errors"]

_RECORDED = Path(__file__).parents[1] / "conformance" / "recorded" / "flytepropeller-1.16.8.json.gz"
_LEVELS = {"execution": "run", "nodes": "node", "tasks": "attempt"}
_ATTEMPT = re.compile(r"(-n0)-\d\]")  # the pods of one task differ in their number only


@dataclass(frozen=True)
class RecordedError:
    """One error: of which case, of what, and in Flyte's words."""

    case: str
    of: str
    error: RunError


def recorded_errors(*of: str) -> list[RecordedError]:
    """Those of ``run``, ``node`` or ``attempt``, in the order of their cases."""
    seen: dict[tuple[str, RunError], RecordedError] = {}
    for case in json.loads(gzip.decompress(_RECORDED.read_bytes()))["cases"]:
        for level, error in _found(case["real"], "run"):
            if level in of:
                key = RunError(code=error.code, kind=error.kind, message=_ATTEMPT.sub(r"\1]", error.message))
                seen.setdefault((level, key), RecordedError(case["case"], level, error))
    return sorted(seen.values(), key=lambda row: (row.case, row.of, row.error.code))


def _found(part: Any, level: str) -> Iterator[tuple[str, RunError]]:
    if isinstance(part, list):
        for item in part:
            yield from _found(item, level)
    elif isinstance(part, dict):
        told = part.get("error")
        if isinstance(told, dict) and "message" in told and "phase" in part:
            code, kind = told.get("code") or "", told.get("kind") or "UNKNOWN"
            yield level, RunError(code=code, kind=kind, message=told["message"])
        for name, below in part.items():
            yield from _found(below, _LEVELS.get(name, level))
