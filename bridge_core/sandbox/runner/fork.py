"""Tasks as copies of a process that has flytekit imported (`zygote`): a tenth of the time of starting Python for each.

Only for ``pyflyte-execute``, ``pyflyte-map-execute`` and Flyte 2's ``a0`` of the tasks' own interpreter, and only when the task
sets no variable that is read while Python or flytekit starts. Everything else is started as a process, and so is everything when
flytekit cannot be imported.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import signal
import socket
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .process import TaskProcess

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .reaper import Reaper

__all__ = ["ForkedProcess", "Forker"]

_log = logging.getLogger(__name__)
_ZYGOTE = Path(__file__).with_name("zygote.py")
_PROGRAMS = frozenset({"pyflyte-execute", "pyflyte-map-execute", "a0"})
# PYTHONPATH is honoured by the copy itself; the rest is read once, when Python, flytekit or a library below it starts.
_AT_START = ("PYTHON", "FLYTE_SDK_", "LD_", "MALLOC_", "OMP_", "_F_P_", "_F_TE_")
_GRACE = 5.0  # seconds between SIGTERM and SIGKILL


class Forker:
    """Starts tasks by forking where that is possible."""

    def __init__(self, directory: Path, reaper: Reaper) -> None:
        self._directory = directory
        self._reaper = reaper
        self._lock = threading.Lock()
        self._zygotes: dict[Path, _Channel] = {}

    def prepare(self, python: Path) -> None:
        """Begins to import, so that the first task finds it done."""
        self._zygote(python)

    def start(
        self, argv: Sequence[str], *, python: Path, cwd: Path, env: Mapping[str, str], log: Path, own: Iterable[str]
    ) -> TaskProcess | ForkedProcess:
        """Starts a task.

        Args:
            argv: Its command line.
            python: The interpreter of its project.
            cwd: Its working directory.
            env: Its whole environment.
            log: Where its output goes.
            own: Names of the variables that the task or its run set.
        """
        program = Path(argv[0])
        early = any(name.startswith(_AT_START) and name != "PYTHONPATH" for name in own)
        if program.name in _PROGRAMS and program.parent == python.parent and not early:
            forked = self._zygote(python).fork(argv, cwd=cwd, env=env, log=log)
            if forked is not None:
                return forked
        return TaskProcess(argv, cwd=cwd, env=env, log=log, reaper=self._reaper)

    def close(self) -> None:
        """Ends the zygotes, and with them what they still run."""
        with self._lock:
            zygotes, self._zygotes = list(self._zygotes.values()), {}
        for zygote in zygotes:
            zygote.close()

    def _zygote(self, python: Path) -> _Channel:
        with self._lock:
            known = self._zygotes.get(python)
            if known is None or known.dead:
                known = self._zygotes[python] = _Channel(python, self._directory)
            return known


class _Channel:
    """The server's end of one zygote."""

    def __init__(self, python: Path, directory: Path) -> None:
        self.dead = False
        self._ready = threading.Event()
        self._usable = False
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._forked: dict[int, ForkedProcess] = {}
        self._socket, theirs = socket.socketpair()
        scratch = directory / "zygote"
        scratch.mkdir(mode=0o700, exist_ok=True)
        env = {**os.environ, "PYTHONUNBUFFERED": "1", "TMPDIR": str(scratch)}
        for name in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE"):
            env.pop(name, None)
        # A task's process: FLYTE_INTERNAL_EXECUTION_ID makes flytekit log as it does in one.
        env["FLYTE_INTERNAL_EXECUTION_ID"] = "zygote"
        with theirs, (directory / "zygote.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(python), str(_ZYGOTE), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=env,
                start_new_session=True,
            )
        self._reader = threading.Thread(target=self._read, name="sandbox-zygote", daemon=True)
        self._reader.start()

    def fork(self, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path) -> ForkedProcess | None:
        """A copy that runs the command; None when there can be none."""
        self._ready.wait()
        number = next(self._numbers)
        forked = ForkedProcess(lambda signal_: self._send(id=number, signal=signal_))
        with self._lock:
            if not self._usable or self.dead:
                return None
            self._forked[number] = forked
        self._send(id=number, argv=list(argv), cwd=str(cwd), env=dict(env), log=str(log))
        return forked

    def close(self) -> None:
        with self._lock:
            if not self.dead:
                self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join()

    def _send(self, **message: Any) -> None:
        data = json.dumps(message).encode() + b"\n"
        with self._lock:
            try:
                self._socket.sendall(data)
            except OSError:
                return  # it is dead: the reader tells everybody

    def _read(self) -> None:
        try:
            with self._socket.makefile("rb") as lines:
                for line in lines:
                    self._hear(json.loads(line))
        except OSError:
            pass
        finally:
            with self._lock:
                self.dead = True
                self._socket.close()
                forked, self._forked = list(self._forked.values()), {}
            for one in forked:
                one.ended(-signal.SIGKILL)
            self._ready.set()
            self._process.wait()

    def _hear(self, message: dict[str, Any]) -> None:
        if "id" in message:
            with self._lock:
                forked = self._forked.pop(message["id"])
            if "refused" in message:
                self._usable = False
                _log.warning("tasks are started as processes from now on: %s", message["refused"])
            forked.ended(message.get("code", -signal.SIGKILL))
            return
        self._usable = "ready" in message
        if not self._usable:
            _log.warning("fork mode is not possible, tasks are started as processes: %s", message["failed"])
        self._ready.set()


class ForkedProcess:
    """A copy at work; the same methods as `TaskProcess`."""

    def __init__(self, send_signal: Any) -> None:
        self._send_signal = send_signal
        self._over = threading.Event()
        self._code = 0
        self._killer: threading.Timer | None = None

    def ended(self, code: int) -> None:
        """Told by the zygote."""
        self._code = code
        self._over.set()

    def wait(self, timeout: float | None) -> int | None:
        """Waits until it ended; None when it was still running after ``timeout`` seconds (it is killed then)."""
        expired = not self._over.wait(timeout)
        if expired:
            self.kill()
            self._over.wait()
        if self._killer is not None:
            self._killer.cancel()
        return None if expired else self._code

    def terminate(self) -> None:
        """Asks the group to end, and kills it when it has not after some seconds. Returns at once."""
        self._send_signal(int(signal.SIGTERM))
        if self._killer is None:
            self._killer = threading.Timer(_GRACE, self.kill)
            self._killer.daemon = True
            self._killer.start()

    def kill(self) -> None:
        """Kills the group."""
        self._send_signal(int(signal.SIGKILL))
