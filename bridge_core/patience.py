"""How long a caller waits, and what it is told when that is over."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from .errors import BridgeError, WaitTimeout

if TYPE_CHECKING:
    from .ids import RunRef
    from .runs import RunSnapshot

__all__ = ["seconds", "timed_out"]


def seconds(value: float | timedelta | None) -> float | None:
    """Seconds of what the public edge accepts; None stays None."""
    return value.total_seconds() if isinstance(value, timedelta) else value


def timed_out(
    ref: RunRef, patience: float, last: RunSnapshot | None, trouble: BridgeError | None, *, others: int = 0
) -> WaitTimeout:
    """The error for patience that ended: says what is known, and that the run goes on."""
    known = f"was still {last.phase.value}" if last else "had not ended"
    more = f" (and {others} more)" if others else ""
    why = f"; the last question went unanswered: {trouble}" if trouble else ""
    console = f" Console: {last.console_url}" if last and last.console_url else ""
    return WaitTimeout(
        f"run {ref}{more} {known} after {patience:g} s of waiting; it was not aborted and goes on{why}.{console}",
        ref=ref,
        snapshot=last,
    )
