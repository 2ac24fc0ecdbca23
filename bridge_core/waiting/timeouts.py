"""The end of a caller's wait (`WaitTimeout`), and what a waiting caller is told about outages meanwhile."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ..model.errors import BridgeError
from ..model.phases import RunPhase
from ..model.run_errors import WaitTimeout

if TYPE_CHECKING:
    from ..model.ids import RunRef
    from ..model.runs import RunSnapshot

__all__ = ["LAST_CHECK", "Outage", "timed_out"]

log = logging.getLogger("bridge_core")

_LONG_QUEUED = timedelta(minutes=2)
"""From this age on, QUEUED deserves a hint."""

LAST_CHECK = 1.0
"""Seconds that the one question after a caller's deadline may take."""


def timed_out(
    ref: RunRef, patience: float, last: RunSnapshot | None, trouble: BridgeError | None, *, others: int = 0
) -> WaitTimeout:
    """The error for patience that ended: says what is known, and that the run goes on."""
    known = f"was still {last.phase.value}" if last else "had not ended"
    more = f" (and {others} more)" if others else ""
    why = f"; the last question went unanswered: {trouble}" if trouble else ""
    console = f" Console: {last.console_url}" if last and last.console_url else ""
    return WaitTimeout(
        f"run {ref}{more} {known} after {patience:g} s of waiting; it was not aborted and goes on{why}.{_hint(last)}{console}",
        ref=ref,
        snapshot=last,
    )


def _hint(last: RunSnapshot | None) -> str:
    """What to look at when nothing has begun the run."""
    if last is None or last.phase not in (RunPhase.QUEUED, RunPhase.WAITING) or last.created_at is None:
        return ""
    age = datetime.now(UTC) - last.created_at
    if age < _LONG_QUEUED:
        return ""
    return (
        f" It is QUEUED for {age.total_seconds() / 60:.0f} min: an image that cannot be pulled, a quota, a label that Kubernetes "
        "refuses, or an engine that is away shows no error."
    )


class Outage:
    """Tells once that Flyte is away, and once that it is back: whoever waits for hours must see why nothing happens.

    Args:
        what: What is waited for, for the message.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._away = False

    def tell(self, trouble: BridgeError | None) -> None:
        """What became of the last question: the error that may pass, or None."""
        if trouble is not None and not self._away:
            log.warning("waiting for %s: %s It is asked again until it answers.", self._what, trouble)
        elif trouble is None and self._away:
            log.warning("waiting for %s: Flyte answers again", self._what)
        self._away = trouble is not None
