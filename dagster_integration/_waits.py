"""Where the bodies of a run worker wait: one thread with an event loop, one question about all runs of a place."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from bridge_core import Config, RunRef, RunSnapshot

__all__ = ["Waits"]


class Waits:
    """The shared poll of a process: it begins with the first wait, and ends with `close`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self.troubles: deque[str] = deque()
        """What was said about Flyte meanwhile, outages above all; whoever reads them takes them out."""
        self._going: set[concurrent.futures.Future[list[RunSnapshot]]] = set()

    def wait(
        self,
        config: Config,
        refs: Sequence[RunRef],
        timeout: float | None,
        poll_interval: float | timedelta | None,
        stopping: threading.Event,
    ) -> list[RunSnapshot]:
        """How these runs ended, in order.

        Args:
            config: Of their Flyte.
            refs: The runs.
            timeout: Seconds; None for ever.
            poll_interval: Seconds between questions; None adapts.
            stopping: Is set before `stop` is called.

        Raises:
            DagsterExecutionInterruptedError: `stop` was called.
            BridgeError: As `AsyncClient.wait_many`.
        """
        begin = time.monotonic()
        while True:
            left = None if timeout is None else max(begin + timeout - time.monotonic(), 0.0)
            with self._lock:
                if stopping.is_set():
                    raise dg.DagsterExecutionInterruptedError
                end = asyncio.run_coroutine_threadsafe(_wait(config, refs, left, poll_interval), self._running())
                self._going.add(end)
            try:
                return end.result()
            except concurrent.futures.CancelledError:  # by `stop`; grpc.aio also ends calls so that nobody cancelled
                continue
            finally:
                with self._lock:
                    self._going.discard(end)

    def stop(self) -> None:
        """Ends all waits."""
        with self._lock:
            going = list(self._going)
        for end in going:
            end.cancel()

    def close(self) -> None:
        """Ends the thread."""
        self.stop()
        with self._lock:
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            logging.getLogger("bridge_core").removeHandler(self._heard)

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=_run, args=(self._loop,), name="flyte-waits", daemon=True)
            self._thread.start()
            self._heard = _Heard(self._thread, self.troubles)
            logging.getLogger("bridge_core").addHandler(self._heard)
        return self._loop


class _Heard(logging.Handler):
    """Warnings of the thread that waits for all."""

    def __init__(self, thread: threading.Thread, troubles: deque[str]) -> None:
        super().__init__(logging.WARNING)
        self._of = thread
        self._troubles = troubles

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._of.ident:
            self._troubles.append(record.getMessage())


async def _wait(
    config: Config, refs: Sequence[RunRef], timeout: float | None, poll_interval: float | timedelta | None
) -> list[RunSnapshot]:
    from bridge_core import AsyncClient

    async def load() -> Config:
        return config

    async with AsyncClient.shared(config, load) as client:
        return await client.wait_many(refs, timeout=timeout, poll_interval=poll_interval)


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        left = asyncio.all_tasks(loop)  # clients that linger; each closes when it is cancelled
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    finally:
        loop.close()
