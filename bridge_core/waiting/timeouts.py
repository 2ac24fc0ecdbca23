"""How long a caller waits, and what it is told meanwhile and when that is over."""

from __future__ import annotations

import logging
import math
from datetime import timedelta
from typing import TYPE_CHECKING

from ..model.errors import BridgeError, InvalidRequest, WaitTimeout

if TYPE_CHECKING:
    from ..model.ids import RunRef
    from ..model.runs import RunSnapshot

__all__ = ["LAST_CHECK", "Outage", "seconds", "timed_out"]

log = logging.getLogger("bridge_core")

LAST_CHECK = 1.0
"""Seconds that the one question after a caller's deadline may take."""


def seconds(value: float | timedelta | None, name: str = "timeout", *, positive: bool = False) -> float | None:
    """Seconds of what the public edge accepts; None stays None.

    Args:
        value: A number of seconds or a timedelta.
        name: What it is, for the message.
        positive: Whether 0 is refused too.

    Raises:
        InvalidRequest: Something else, not finite, or negative.
    """
    if value is None:
        return None
    number = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        raise InvalidRequest(
            f"{name} must be a number of seconds or a timedelta, got {value!r} ({type(value).__name__})"
        )
    if number < 0 or (positive and number == 0):
        raise InvalidRequest(f"{name} must be {'more than 0' if positive else '0 or more'} seconds, got {value!r}")
    return float(number)


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


class Outage:
    """Tells once that Flyte is away, and once that it is back: whoever waits for hours must see why nothing happens.

    Args:
        whom: What is waited for.
    """

    def __init__(self, whom: str) -> None:
        self._whom = whom
        self._away = False

    def tell(self, trouble: BridgeError | None) -> None:
        """What became of the last question: the error that may pass, or None."""
        if trouble is not None and not self._away:
            log.warning("waiting for %s: %s It is asked again until it answers.", self._whom, trouble)
        elif trouble is None and self._away:
            log.warning("waiting for %s: Flyte answers again", self._whom)
        self._away = trouble is not None
