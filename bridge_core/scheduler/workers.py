"""`Workers`: the threads that launch. Daemons, unlike a ThreadPoolExecutor's, which Python waits for before it ends.

Whoever stops us gives us some seconds (Kubernetes: 30). A launch that hangs in a network that swallows everything takes
longer; its tick is written down, so the process may end under it, and the next runner finds out what became of it.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Workers"]

J = TypeVar("J")


class Workers(Generic[J]):
    """A few threads and their jobs.

    Args:
        count: How many.
        work: Does one job; must not raise.
    """

    def __init__(self, count: int, work: Callable[[J], None]) -> None:
        self._work = work
        self._jobs: queue.SimpleQueue[J | None] = queue.SimpleQueue()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._serve, name=f"scheduler-launch-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, job: J) -> None:
        """Has it done when a thread is free."""
        self._jobs.put(job)

    def close(self, seconds: float) -> bool:
        """Begins nothing any more, and waits for what was begun.

        Args:
            seconds: How long at most.

        Returns:
            Whether all of it ended.
        """
        self._closed = True
        for _ in self._threads:
            self._jobs.put(None)
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            if self._closed:
                return
            self._work(job)
