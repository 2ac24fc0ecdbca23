"""Run as a script by the interpreter of the tasks: imports flytekit once, then becomes a copy of itself for each task.

For tasks of Flyte 2 it imports what the flyte SDK imports, but not the SDK: that starts a thread as soon as it is imported.

Forking is safe here because nothing runs beside: one thread, no event loop, no channel. A copy gets what a fresh process
would have: its own session, environment, search path, working directory, log, seeds, signal handlers. When the server is gone,
also by SIGKILL, its end of the socket closes; this process then kills all copies with what they started, and ends. When this
one is killed, the kernel kills the copies (PR_SET_PDEATHSIG).

Standard library and the SDKs only: the tasks' interpreter may not have bridge_core.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import importlib.util
import json
import os
import select
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_READ = 1 << 16
_PRELOADED = "flytekit.bin.entrypoint"
_RUNTIME = "flyte._bin.runtime"
_BELOW_RUNTIME = (  # no threads, also none of other languages: of what talks to servers, only the messages
    *("aiofiles", "aiolimiter", "click", "cloudpickle", "fsspec", "httpx", "msgpack", "pydantic", "sqlite3"),
    *("mashumaro.codecs", "mashumaro.codecs.json", "mashumaro.codecs.msgpack", "mashumaro.jsonschema"),
    *("flyteidl2.actions.actions_service_pb2", "flyteidl2.auth.auth_service_pb2", "flyteidl2.auth.identity_pb2"),
    *("flyteidl2.app.app_payload_pb2", "flyteidl2.cluster.payload_pb2", "flyteidl2.dataproxy.dataproxy_service_pb2"),
    *("flyteidl2.project.project_service_pb2", "flyteidl2.secret.payload_pb2", "flyteidl2.task.task_service_pb2"),
    *("flyteidl2.trigger.trigger_service_pb2", "flyteidl2.workflow.run_service_pb2"),
    *("flyteidl2.workflow.queue_service_pb2", "flyteidl2.workflow.state_service_pb2"),
)


class Zygote:
    """The loop of the parent process."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._children: dict[int, int] = {}
        self._wake, wake = os.pipe()
        for end in (self._wake, wake):
            os.set_blocking(end, False)
        self._inherited = [self._wake, wake]
        self._interrupt = signal.getsignal(signal.SIGINT)  # flytekit's
        self._libc = ctypes.CDLL(None)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.set_wakeup_fd(wake)

    def send(self, **message: Any) -> None:
        """Tells the server something."""
        self._channel.sendall(json.dumps(message).encode() + b"\n")

    def serve(self) -> None:
        """Works until the server is gone."""
        buffer = b""
        try:
            while True:
                ready, _, _ = select.select([self._channel.fileno(), self._wake], [], [])
                if self._wake in ready:
                    with contextlib.suppress(BlockingIOError):
                        os.read(self._wake, _READ)
                self._reap()
                if self._channel.fileno() not in ready:
                    continue
                data = self._channel.recv(_READ)
                if not data:
                    return
                *lines, buffer = (buffer + data).split(b"\n")
                for line in lines:
                    self._obey(json.loads(line))
        except (BrokenPipeError, ConnectionResetError):
            return
        finally:
            for pid in self._children:
                _kill(pid, signal.SIGKILL)

    def _obey(self, order: dict[str, Any]) -> None:
        if "signal" in order:
            for pid, number in self._children.items():
                if number == order["id"]:
                    _kill(pid, order["signal"])
            return
        if len(threading.enumerate()) > 1:  # something in flytekit started a thread: copies might hang on its locks
            self.send(id=order["id"], refused="flytekit's import left a thread running")
            return
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become(order, parent)
        self._children[pid] = order["id"]

    def _reap(self) -> None:
        while self._children:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None:
                return
            _kill(
                ended.si_pid, signal.SIGKILL
            )  # what the task left behind; its number is not free before the next line
            _, status = os.waitpid(ended.si_pid, 0)
            number = self._children.pop(ended.si_pid, None)
            if number is not None:
                self.send(id=number, code=os.waitstatus_to_exitcode(status))

    def _become(self, order: dict[str, Any], parent: int) -> None:
        """In the copy: never returns."""
        code = 1
        try:
            os.setsid()
            if sys.platform == "linux":
                self._libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, self._interrupt)
            for end in self._inherited:
                os.close(end)
            self._channel.close()
            gc.unfreeze()
            _settle(order)
            code = _run(order["argv"])
        except BaseException:  # noqa: BLE001
            traceback.print_exc()
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)


def _settle(order: dict[str, Any]) -> None:
    """Gives the copy what a fresh process would have found."""
    for number, (target, flags) in enumerate(
        [(os.devnull, os.O_RDONLY), *[(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)] * 2]
    ):
        opened = os.open(target, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    time.tzset()
    tempfile.tempdir = None
    paths = [entry for entry in order["env"].get("PYTHONPATH", "").split(os.pathsep) if entry]
    sys.path[:0] = [str(Path(order["argv"][0]).parent), *paths]
    sys.path_importer_cache.clear()
    importlib.invalidate_caches()
    sys.argv = list(order["argv"])
    sys.modules["__main__"].__file__ = sys.argv[0]
    fsspec = sys.modules.get("fsspec.config")
    if fsspec is not None:  # it has read FSSPEC_… when it was imported
        fsspec.set_conf_env(fsspec.conf)
    numpy = sys.modules.get("numpy")
    if numpy is not None:  # Python's own generator is seeded anew by the fork
        numpy.random.seed()


def _preload() -> None:
    """Imports flytekit, and what is below the flyte SDK. One of both must be there."""
    runtime = importlib.util.find_spec("flyte") is not None
    try:
        importlib.import_module(_PRELOADED)
    except ModuleNotFoundError:
        if not runtime:
            raise
    for name in _BELOW_RUNTIME if runtime else ():
        with contextlib.suppress(ImportError):  # another version of the SDK imports something else
            importlib.import_module(name)


def _command(name: str) -> Any:
    if name == "a0":
        return importlib.import_module(_RUNTIME).main
    entrypoint = importlib.import_module(_PRELOADED)
    return entrypoint.map_execute_task_cmd if name == "pyflyte-map-execute" else entrypoint.execute_task_cmd


def _run(argv: list[str]) -> int:
    try:
        command = _command(Path(argv[0]).name)
        command()
        code = 0
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            code = end.code or 0
        else:
            sys.stderr.write(f"{end.code}\n")
            code = 1
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
        code = 1
    # What an interpreter does at its end: wait for threads, call what was registered.
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001
    atexit._run_exitfuncs()  # noqa: SLF001
    return code & 0xFF


def _kill(pid: int, number: int) -> None:
    """Signals the process group; the process alone as long as it has not made its group."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def main() -> None:
    """Imports, then serves."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.set_inheritable(False)
    del sys.path[0]  # this directory
    try:
        _preload()
    except BaseException as error:  # noqa: BLE001
        channel.sendall(json.dumps({"failed": f"{type(error).__name__}: {error}"}).encode() + b"\n")
        return
    gc.collect()
    gc.freeze()
    zygote = Zygote(channel)
    zygote.send(ready=True)
    zygote.serve()


if __name__ == "__main__":
    main()
    os._exit(0)
