"""`AttemptOrder`: what is to be run; `AttemptResult`: how that can end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..model.outcome import Cancelled, Done, Dynamic, Failure

__all__ = ["AttemptOrder", "AttemptResult"]

AttemptResult = Done | Dynamic | Failure | Cancelled


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptOrder:
    """What to run."""

    execution: Any
    task: Any
    inputs: Any
    path: str
    """Below the execution's data: the node's unique id, and the index of an array item."""
    attempt: int
    timeout: float
    workflow: str
    env: dict[str, str] = field(default_factory=dict)
    """Execution environment, and the index of an array item."""
    run_limit: int = 25
    """How many tasks of its run may be at work at once."""
    raw_prefix: str = ""
    checkpoint: str = ""
    """Where the run that is recovered left its checkpoint, for the first attempt."""
    spent: float = 0.0
    """Seconds that earlier attempts took: all of them may take twice the timeout."""
