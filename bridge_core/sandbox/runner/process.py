"""One task process with everything it starts: its own process group, on a leash, with a log file."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["TaskProcess"]

_GRACE = 5.0  # seconds between SIGTERM and SIGKILL
_LEASH = Path(__file__).with_name("leash.py")


class TaskProcess:
    """A started process. `wait` it on the thread that made it: on Linux it dies with that thread."""

    def __init__(self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path) -> None:
        self._killer: threading.Timer | None = None
        if sys.platform == "linux":
            command = [sys.executable, "-I", "-S", str(_LEASH), str(os.getpid()), *command]
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                cwd=cwd,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait(self, timeout: float | None) -> int | None:
        """Waits until it ended; None when it was still running after ``timeout`` seconds (it is killed then)."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait()
            return None
        finally:
            if self._killer is not None:
                self._killer.cancel()
            self._signal(signal.SIGKILL)  # what the task left behind in its group

    def terminate(self) -> None:
        """Asks the group to end, and kills it when it has not after some seconds. Returns at once."""
        self._signal(signal.SIGTERM)
        if self._killer is None:
            self._killer = threading.Timer(_GRACE, self._signal, [signal.SIGKILL])
            self._killer.daemon = True
            self._killer.start()

    def kill(self) -> None:
        """Kills the group."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        # The group keeps the leader's number; it cannot be another group's while a member lives.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)
