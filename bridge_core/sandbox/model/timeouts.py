"""How a task that takes too long fails (flytepropeller ``pkg/controller/nodes/executor.go``: execute)."""

from __future__ import annotations

from .outcome import Failure

__all__ = ["TIMED_OUT", "expired", "go_duration", "timed_out"]

TIMED_OUT = "Timeout"
_UNITS = (("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))


def expired(seconds: float) -> Failure:
    """One attempt took longer than its timeout: a failure of the user's, tried again like any other."""
    return Failure("TimeoutExpired", f"task execution timeout [{go_duration(seconds)}] expired", recoverable=True)


def timed_out() -> Failure:
    """All attempts together took twice the timeout: the end, whatever retries are left."""
    return Failure(TIMED_OUT, "Timeout in node")


def go_duration(seconds: float) -> str:
    """As Go prints a ``time.Duration``: ``1h2m3s``, ``300ms``."""
    sign, rest = ("-" if seconds < 0 else ""), abs(seconds)
    if 0 < rest < 1:
        unit, size = next((one for one in _UNITS if rest >= one[1]), _UNITS[-1])
        return f"{sign}{round(rest / size, 6):g}{unit}"
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    text = f"{round(rest, 9):g}s"
    if hours or minutes:
        text = f"{minutes:.0f}m{text}"
    return sign + (f"{hours:.0f}h{text}" if hours else text)
