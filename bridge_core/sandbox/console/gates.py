"""What a node that waits for somebody waits for, and how it gets it."""

from __future__ import annotations

import shlex
from typing import Any

from .literals import type_text
from .show import duration

__all__ = ["answer", "awaited"]


def awaited(spec: Any | None) -> str:
    """What a gate waits for; empty for other nodes, and where the workflow is not known."""
    kind, condition = _condition(spec)
    if kind == "signal":
        return f"signal {condition.signal_id} ({type_text(condition.type)})"
    if kind == "approve":
        return f"approval {condition.signal_id}"
    return duration(condition.duration.ToNanoseconds() / 1e9) if kind == "sleep" else ""


def answer(spec: Any | None, run: Any) -> str:
    """The command that answers a gate; empty where there is nothing to answer."""
    kind, condition = _condition(spec)
    if kind not in ("signal", "approve"):
        return ""
    reference, signal = shlex.quote(f"{run.project}/{run.domain}/{run.name}"), shlex.quote(condition.signal_id)
    return f"flyte-bridge signal {reference} {signal} {'true' if kind == 'approve' else 'VALUE'}"


def _condition(spec: Any | None) -> tuple[str, Any]:
    if spec is None or spec.WhichOneof("target") != "gate_node":
        return "", None
    kind = str(spec.gate_node.WhichOneof("condition"))
    return kind, getattr(spec.gate_node, kind, None)
