"""`AttemptOrder`: what is to be run; `AttemptResult`: how that can end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..model.outcome import Cancelled, Done, Dynamic, Failure

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["AttemptOrder", "AttemptResult"]

AttemptResult = Done | Dynamic | Failure | Cancelled


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptOrder:
    """What to run."""

    execution: Any
    task: Any
    inputs: Any
    """What it is given: the LiteralMap in its file."""
    values: Any
    """What is filled into its command line: of an array's item, its own."""
    path: str
    """What tells it apart in its run: the node's unique id, and the index of an array item."""
    directory: Path
    """Where the node keeps its inputs; each attempt writes below."""
    pod: str
    """What the attempt is called on a cluster."""
    previous_pod: str
    """What the attempt before was called; empty for the first."""
    attempt: int
    workflow: str
    env: dict[str, str] = field(default_factory=dict)
    """Execution environment, and the index of an array item."""
    raw_prefix: str = ""
    checkpoint: str = ""
    """Where the run that is recovered left its checkpoint, for the first attempt."""
