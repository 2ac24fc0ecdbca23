"""One task process with everything it starts: its own process group, that dies with the server, with a log file."""

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
    from collections.abc import Iterable, Mapping, Sequence

    from .reaper import Reaper

__all__ = ["Starter", "TaskProcess", "dying_with_us"]

_GRACE = 5.0  # seconds between SIGTERM and SIGKILL
_DIE_WITH_PARENT = Path(__file__).with_name("die_with_parent.py")


def dying_with_us(command: Sequence[str], pipe: int = -1) -> list[str]:
    """The command, killed when the thread that starts it ends, however that ends: on Linux; elsewhere the command alone.

    Args:
        command: Program and arguments.
        pipe: The reaper's, passed on to the process, which says on it that its group begins.
    """
    if sys.platform != "linux":
        return list(command)
    return [sys.executable, "-I", "-S", str(_DIE_WITH_PARENT), str(os.getpid()), str(pipe), *command]


class TaskProcess:
    """A started process. `wait` it on the thread that made it: on Linux it dies with that thread."""

    def __init__(
        self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path, reaper: Reaper | None = None
    ) -> None:
        self._reaper = reaper
        self._lock = threading.Lock()
        self._killer: threading.Timer | None = None
        self._expired = False
        self._over = False
        # Elsewhere than on Linux the command would inherit the pipe, and the reaper would wait for all that it starts.
        pipe = reaper.pipe() if reaper is not None and sys.platform == "linux" else -1
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                dying_with_us(command, pipe),
                cwd=cwd,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=() if pipe < 0 else (pipe,),
            )
        if reaper is not None and pipe < 0:
            reaper.watch(self._process.pid)

    def wait(self, timeout: float | None) -> int | None:
        """Waits until it ended; None when it was still running after ``timeout`` seconds (it is killed then)."""
        expiry = threading.Timer(timeout, self._expire) if timeout is not None else None
        if expiry is not None:
            expiry.daemon = True
            expiry.start()
        if hasattr(os, "waitid"):
            # Not reaped yet: as long as the leader is a zombie, its number cannot become another group's.
            os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        else:
            self._process.wait()  # macOS before Python 3.13
        with self._lock:
            self._kill_group(signal.SIGKILL)  # what the task left behind
            if self._reaper is not None:
                self._reaper.forget(self._process.pid)
            self._over = True
            code = self._process.wait()
        for timer in (expiry, self._killer):
            if timer is not None:
                timer.cancel()
        return None if self._expired else code

    def terminate(self) -> None:
        """Asks the group to end, and kills it when it has not after some seconds. Returns at once."""
        self._signal(signal.SIGTERM)
        if self._killer is None:
            self._killer = threading.Timer(_GRACE, self.kill)
            self._killer.daemon = True
            self._killer.start()

    def kill(self) -> None:
        """Kills the group."""
        self._signal(signal.SIGKILL)

    def _expire(self) -> None:
        self._expired = True
        self.kill()

    def _signal(self, number: int) -> None:
        with self._lock:
            if not self._over:
                self._kill_group(number)

    def _kill_group(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


class Starter:
    """Starts each task as a process of its own: the faithful way, and the default."""

    def __init__(self, reaper: Reaper) -> None:
        self._reaper = reaper

    def start(
        self, argv: Sequence[str], *, python: Path, cwd: Path, env: Mapping[str, str], log: Path, own: Iterable[str]
    ) -> TaskProcess:
        """Starts a task; for the arguments see `fork.Forker.start`."""
        del python, own
        return TaskProcess(argv, cwd=cwd, env=env, log=log, reaper=self._reaper)

    def close(self) -> None:
        """Nothing to end."""
