"""One thread on which all runs are moved on: events in, no locks in the state machines.

Thousands of runs held at gates cost nothing but their memory. Whoever waits for something outside (a process, a timer, a
signal) posts an event when it happened.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Action = Callable[[], None]

__all__ = ["Loop", "Timer"]

_log = logging.getLogger(__name__)


class Timer:
    """Something that happens later, unless it is cancelled. Cancelling is only for the loop's own thread."""

    __slots__ = ("action",)

    def __init__(self, action: Action) -> None:
        self.action: Action | None = action

    def cancel(self) -> None:
        """Makes it not happen."""
        self.action = None


class Loop:
    """A serial executor with timers."""

    def __init__(self, name: str) -> None:
        self._wake = threading.Condition()
        self._ready: deque[Action] = deque()
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        """Begins to work off events."""
        self._thread.start()

    def stop(self) -> None:
        """Works off what is there, then ends. Timers that are not due are dropped."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()

    def post(self, action: Action) -> None:
        """Adds an event, from any thread."""
        with self._wake:
            self._ready.append(action)
            self._wake.notify()

    def later(self, seconds: float, action: Action) -> Timer:
        """Adds an event that happens in some seconds, from any thread."""
        timer = Timer(action)
        with self._wake:
            heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), timer))
            self._wake.notify()
        return timer

    def _work(self) -> None:
        while True:
            action = self._next()
            if action is None:
                return
            try:
                action()
            except Exception:  # noqa: BLE001
                # The boundary of the thread: one broken event must not stop all other runs. Runs guard themselves before.
                _log.exception("an event of the sandbox engine failed")

    def _next(self) -> Action | None:
        with self._wake:
            while True:
                if self._ready:
                    return self._ready.popleft()
                if self._stopping:
                    return None
                due = self._timers[0][0] - time.monotonic() if self._timers else None
                if due is not None and due <= 0:
                    action = heapq.heappop(self._timers)[2].action
                    if action is not None:
                        return action
                    continue
                self._wake.wait(due)
