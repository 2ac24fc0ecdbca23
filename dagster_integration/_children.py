"""Steps that are none of Flyte's, in processes of their own: as many at once as the machine has processors."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

__all__ = ["Children"]

_LONGEST = 60.0
"""Seconds that a step has to end when it is told to; Dagster's own executors wait for ever."""
_LOOK = 5.0
"""Seconds until it is looked at again whether it was told to."""


class Children:
    """The processes of one run worker.

    Args:
        at_once: How many may run together.
    """

    def __init__(self, at_once: int) -> None:
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="dagster-step")
        self._lock = threading.Lock()
        self._ends: dict[str, Future[int]] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._stopping = False

    def start(
        self, step_key: str, command: Sequence[str], environment: Mapping[str, str], outputs: tuple[int, int]
    ) -> None:
        """Begins a step as soon as there is room.

        Args:
            step_key: Of the step.
            command: Arguments of ``dagster``.
            environment: What is added to this process's own.
            outputs: Descriptors of its stdout and stderr: this process's own may be some body's log then (see `_turns`).
        """
        self._ends[step_key] = self._pool.submit(self._run, step_key, command, environment, outputs)

    def died(self, step_key: str) -> str | None:
        """How its process ended, when that was no proper end; None while it waits, runs, or did its work."""
        end = self._ends.get(step_key)
        if end is None or not end.done() or end.cancelled():
            return None
        if (error := end.exception()) is not None:
            return f"its process could not be started: {error}"
        return None if end.result() == 0 else f"its process ended with {end.result()}"

    def known(self, step_key: str) -> bool:
        """Whether it was begun here."""
        return step_key in self._ends

    def interrupt(self) -> None:
        """Tells them to stop; `close` waits until they have."""
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """Ends them as the death of this process would: they say nothing any more."""
        self._signal(signal.SIGKILL)

    def close(self) -> None:
        """Waits for the last."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _signal(self, number: int) -> None:
        with self._lock:
            self._stopping = True
            for process in self._running.values():
                process.send_signal(number)

    def _run(
        self, step_key: str, command: Sequence[str], environment: Mapping[str, str], outputs: tuple[int, int]
    ) -> int:
        with self._lock:
            if self._stopping:
                return 0
            process = self._running[step_key] = subprocess.Popen(
                [sys.executable, "-m", "dagster_integration._child", *command],
                env={**os.environ, **environment},
                stdout=outputs[0],
                stderr=outputs[1],
                stdin=subprocess.PIPE,  # its other end closes when this process dies, and so does the child
                start_new_session=True,  # signals are sent to it once, by us
            )
        try:
            return self._end_of(process)
        finally:
            with self._lock:
                del self._running[step_key]
            if process.stdin is not None:
                process.stdin.close()

    def _end_of(self, process: subprocess.Popen[bytes]) -> int:
        while True:
            patience = _LONGEST if self._stopping else _LOOK
            try:
                return process.wait(patience)
            except subprocess.TimeoutExpired:
                if patience == _LONGEST:
                    process.kill()
