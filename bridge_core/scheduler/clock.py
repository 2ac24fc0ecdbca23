"""What the runner takes for the time: the wall clock, which jumps, to say which ticks are due; something to sleep on.

Durations (leases, back-off of the loop) are measured on the monotonic clock, which does not jump.
"""

from __future__ import annotations

import queue
import time

__all__ = ["Clock", "Wake"]


class Wake:
    """What ends a sleep early. Unlike an event's, its `set` may be called by a signal handler at any moment.

    A handler runs between two steps of the main thread. ``threading.Event.set`` takes a lock that the main thread may hold
    right then, and waits for it for ever; ``SimpleQueue.put`` is made to be entered again.
    """

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[None] = queue.SimpleQueue()

    def set(self) -> None:
        """Ends the sleep that goes on, or the next one."""
        self._queue.put(None)

    def wait(self, seconds: float) -> None:
        """Sleeps until `set` is called, or the time is over; then forgets all calls of it so far."""
        try:
            self._queue.get(timeout=max(0.0, seconds))
            while True:
                self._queue.get_nowait()
        except queue.Empty:
            return


class Clock:
    """The machine's clock. Tests give the runner one that they set."""

    def now(self) -> float:
        """Seconds since 1970, as the wall clock has it."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        return time.monotonic()

    def wait(self, wake: Wake, seconds: float) -> None:
        """Sleeps until `wake` is set or the time is over."""
        wake.wait(seconds)
