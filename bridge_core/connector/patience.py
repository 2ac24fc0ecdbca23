"""`PatientLoop`: an event loop that can put steps off until it has nothing else to do.

Two loops of one process share the interpreter's lock. A loop that wakes the other one for each single step is interrupted by it
at the next system call, has to wait for the lock again, and both do little but change turns. Steps for the other loop are
therefore sent when this one is about to sleep, or shortly after.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable
from typing import Any

__all__ = ["PatientLoop"]

_LONGEST = 0.001  # seconds that a step is put off while the loop is busy


class _Selector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self._steps: list[Callable[[], Any]] = []
        self._since = 0.0

    def put_off(self, step: Callable[[], Any]) -> None:
        if not self._steps:
            self._since = time.monotonic()
        self._steps.append(step)

    def select(self, timeout: float | None = None) -> Any:
        """What asyncio calls in each turn: with 0 when it has something to do."""
        if self._steps and (timeout is None or timeout > 0 or time.monotonic() - self._since > _LONGEST):
            steps, self._steps = self._steps, []
            for step in steps:
                step()
        return super().select(timeout)


class PatientLoop(asyncio.SelectorEventLoop):
    """An event loop."""

    def __init__(self) -> None:
        self._patient = _Selector()
        super().__init__(self._patient)

    def put_off(self, step: Callable[[], Any]) -> None:
        """Does it before the loop sleeps, or within about a millisecond. On the loop's own thread.

        Args:
            step: Must not raise, and must not give this loop anything to do but from other threads.
        """
        self._patient.put_off(step)
