"""What the runner takes for the time: the wall clock, which jumps, to say which ticks are due; an event to sleep on.

Durations (leases, back-off of the loop) are measured on the monotonic clock, which does not jump.
"""

from __future__ import annotations

import threading
import time

__all__ = ["Clock"]


class Clock:
    """The machine's clock. Tests give the runner one that they set."""

    def now(self) -> float:
        """Seconds since 1970, as the wall clock has it."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        return time.monotonic()

    def wait(self, wake: threading.Event, seconds: float) -> None:
        """Sleeps until `wake` is set or the time is over, then clears it."""
        wake.wait(seconds)
        wake.clear()
