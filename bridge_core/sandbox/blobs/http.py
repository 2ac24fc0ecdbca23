"""The HTTP server on 127.0.0.1: signed PUT and GET for files, and the console's pages."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import logging
import os
import secrets
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from .signing import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..layout import Layout
    from .signing import Signer

__all__ = ["HttpServer"]

_log = logging.getLogger(__name__)
_CHUNK = 1 << 20
_SHUTDOWN_POLL = 0.05  # seconds until the server notices that it shall stop


class HttpServer:
    """One listening server.

    Args:
        port: 0 for a free one.

    Raises:
        OSError: The port is taken.
    """

    def __init__(self, port: int) -> None:
        self._server = _Server(("127.0.0.1", port), _Handler)
        self.port: int = self._server.server_address[1]
        self.base_url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=[_SHUTDOWN_POLL], name="sandbox-http", daemon=True
        )

    def start(self, *, layout: Layout, signer: Signer, page: Callable[[str], str | None]) -> None:
        """Begins to answer.

        Args:
            layout: Where files lie.
            signer: Checks URLs.
            page: The HTML of a console path, or None when there is no such page.
        """
        self._server.layout = layout
        self._server.signer = signer
        self._server.page = page
        self._thread.start()

    def stop(self) -> None:
        """Frees the port."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    layout: Layout
    signer: Signer
    page: Callable[[str], str | None]

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """A client that went away is no error of ours; the default prints a traceback."""
        _log.debug("request of %s failed", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # also makes the base class answer "Expect: 100-continue"
    server: _Server
    timeout = 60

    def do_PUT(self) -> None:
        if self._foreign():
            return
        ticket = self.server.signer.check("PUT", self.path)
        if ticket is None:
            self._refuse(403, "bad or expired signature")
            return
        length = self.headers.get("Content-Length", "")
        path = self.server.layout.blob(ticket.key)
        if path is None or not length.isdecimal():
            self._refuse(400, "no such place" if path is None else "Content-Length is required")
            return
        try:
            wanted = {value for value in (ticket.md5, self.headers.get("Content-MD5", "")) if value}
            self._receive(path, int(length), wanted)
        except ValueError as error:
            self._refuse(400, str(error))
        except OSError as error:
            self._refuse(500, f"cannot store: {error}")
        else:
            self._answer(200, b"", "text/plain")

    def do_GET(self) -> None:
        if self._foreign():
            return
        if not self.path.startswith(PREFIX):
            self._send_page()
            return
        ticket = self.server.signer.check(self.command, self.path)
        if ticket is None:
            self._refuse(403, "bad or expired signature")
            return
        path = self.server.layout.blob(ticket.key)
        if path is None or not path.is_file():
            self._refuse(404, "no such file")
            return
        kind = "text/html; charset=utf-8" if path.suffix == ".html" else "application/octet-stream"
        with path.open("rb") as file:
            self._head(200, os.fstat(file.fileno()).st_size, kind)
            if self.command != "HEAD":
                shutil.copyfileobj(file, self.wfile, _CHUNK)

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Requests are not printed."""

    def _foreign(self) -> bool:
        """Refuses names other than this machine's: a web page elsewhere may point its own name at 127.0.0.1."""
        host = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
        if host in ("127.0.0.1", "localhost"):
            return False
        self._refuse(403, f"this server answers to 127.0.0.1 and localhost only, not to {host!r}")
        return True

    def _receive(self, path: Path, length: int, wanted: set[str]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name[:100]}.{secrets.token_hex(4)}.part")
        digest = hashlib.md5(usedforsecurity=False)
        try:
            with temporary.open("wb") as file:
                while length > 0:
                    chunk = self.rfile.read(min(length, _CHUNK))
                    if not chunk:
                        raise ValueError("the upload ended early")
                    file.write(chunk)
                    digest.update(chunk)
                    length -= len(chunk)
            found = base64.b64encode(digest.digest()).decode()
            if wanted - {found}:
                raise ValueError(f"Content-MD5 does not match: got {found}, wanted {' and '.join(sorted(wanted))}")
            temporary.replace(path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()

    def _send_page(self) -> None:
        page = self.server.page(self.path)
        if page is None:
            self._refuse(404, "no such page; runs are listed at /console")
        else:
            self._answer(200, page.encode(), "text/html; charset=utf-8")

    def _refuse(self, status: int, why: str) -> None:
        self.close_connection = True  # the body of a refused upload was not read
        self._answer(status, why.encode() + b"\n", "text/plain; charset=utf-8")

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self._head(status, len(body), kind)
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, status: int, length: int, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        # Decks are whatever a task wrote: they may run scripts, but not as this origin and without the network.
        self.send_header(
            "Content-Security-Policy", "sandbox allow-scripts; default-src 'unsafe-inline' 'unsafe-eval' data:"
        )
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
