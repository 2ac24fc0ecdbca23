"""How many task processes run at once, and who waits. One thread per running process: its process dies with it."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Job", "Pool"]


class Job(Protocol):
    """Something to run in a thread of its own."""

    counted: bool
    """Whether it takes one of the slots. Eager tasks do not: they wait for tasks that need slots."""

    def run(self) -> None:
        """Does everything and reports by itself. Must return soon after `stop`."""

    def stop(self, *, now: bool) -> None:
        """Ends it early, from another thread; ``now`` means without grace."""

    def dropped(self) -> None:
        """Called instead of `run` when it was cancelled before it began."""


class Pool:
    """First come, first served. How many of one run are at work is not decided here, see `engine.parallelism`."""

    def __init__(self, slots: int) -> None:
        self._lock = threading.Lock()
        self._free = slots
        self._queue: deque[Job] = deque()
        self._running: dict[Job, threading.Thread] = {}
        self._closed = False

    def submit(self, job: Job) -> None:
        """Runs the job when there is a slot."""
        with self._lock:
            self._queue.append(job)
        self._fill()

    def cancel(self, job: Job) -> None:
        """Ends a job: drops it when it has not begun, else stops it."""
        with self._lock:
            waiting = job in self._queue
            if waiting:
                self._queue.remove(job)
            running = job in self._running
        if waiting:
            job.dropped()
        elif running:
            job.stop(now=False)

    def uncount(self, job: Job) -> None:
        """A job that runs gives its slot back and goes on: it waits for others."""
        with self._lock:
            if job in self._running and job.counted:
                job.counted = False
                self._free += 1
        self._fill()

    def close(self) -> None:
        """Kills what runs, drops what waits, and waits for the threads."""
        with self._lock:
            self._closed = True
            dropped, self._queue = list(self._queue), deque()
            running = dict(self._running)
        for job in dropped:
            job.dropped()
        for job in running:
            job.stop(now=True)
        for thread in running.values():
            thread.join()

    def _fill(self) -> None:
        with self._lock:
            waiting, self._queue = self._queue, deque()
            for job in waiting:
                if self._closed or (job.counted and self._free <= 0):
                    self._queue.append(job)
                    continue
                self._free -= job.counted
                thread = threading.Thread(target=self._work, args=[job, job.run], name="sandbox-task", daemon=True)
                self._running[job] = thread
                thread.start()

    def _work(self, job: Job, run: Callable[[], None]) -> None:
        try:
            run()
        finally:
            with self._lock:
                del self._running[job]
                self._free += job.counted
            self._fill()
