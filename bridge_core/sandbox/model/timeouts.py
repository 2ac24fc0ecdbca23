"""How a task that takes too long fails (flytepropeller ``pkg/controller/nodes/executor.go``: execute)."""

from __future__ import annotations

from .go_duration import go_duration
from .outcome import Failure

__all__ = ["TIMED_OUT", "expired", "timed_out"]

TIMED_OUT = "Timeout"


def expired(seconds: float) -> Failure:
    """One attempt took longer than its timeout: a failure of the user's, tried again like any other."""
    return Failure(
        "TimeoutExpired", f"task execution timeout [{go_duration(round(seconds * 1e9))}] expired", recoverable=True
    )


def timed_out() -> Failure:
    """All attempts together took twice the timeout: the end, whatever retries are left."""
    return Failure(TIMED_OUT, "Timeout in node")
