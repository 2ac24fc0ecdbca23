"""Kills what tasks started when the server cannot any more: a small process that holds the other end of a pipe.

`die_with_parent` ends a task with the server, but not the processes that the task started. The reaper is told every process
group that begins and ends; when the pipe closes, also because the server was killed with SIGKILL, it kills the groups left.
Run as a script it is the reaper; imported it is the server's half.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

__all__ = ["Reaper"]


class Reaper:
    """The server's half. The process is started with, and before, the first group."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def pipe(self) -> int:
        """The descriptor on which processes say that their group begins: a line with a plus sign and its number."""
        with self._lock:
            return self._opened().fileno()

    def watch(self, group: int) -> None:
        """This group runs."""
        self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        """This group has ended; to be called before its number can be given to another."""
        self._tell(f"-{group}\n")

    def close(self) -> None:
        """Ends the reaper. Groups that still run are killed."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.communicate()

    def _tell(self, line: str) -> None:
        with self._lock:
            pipe = self._opened()
            with contextlib.suppress(OSError):  # somebody killed the reaper; `die_with_parent` is left
                pipe.write(line.encode())
                pipe.flush()

    def _opened(self) -> IO[bytes]:
        if self._process is None:
            command = [sys.executable, "-I", "-S", str(Path(__file__))]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        assert self._process.stdin is not None
        return self._process.stdin


def _reap() -> None:
    groups: set[int] = set()
    for line in sys.stdin:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    _reap()
