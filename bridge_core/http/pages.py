"""A few pages for probes and for Prometheus, served by a thread. Reads, never acts."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["JSON", "METRICS", "Page", "PageServer"]

METRICS = "text/plain; version=0.0.4; charset=utf-8"
JSON = "application/json"
_PATIENCE = 10
"""Seconds that a client may take for its request: one that says nothing holds a thread for so long."""


class Page(NamedTuple):
    """One answer."""

    code: int
    kind: str
    """Its content type."""
    text: str


class PageServer:
    """Serves until it is closed.

    Args:
        host: Address to listen on; IPv6 too. ``0.0.0.0`` or ``::`` for all of the machine.
        port: 0 for a free one.
        answer: Gives the page of a path, without its query.
        name: Of the thread.

    Raises:
        OSError: There it cannot listen.
        OverflowError: That is no port.
    """

    def __init__(self, host: str, port: int, answer: Callable[[str], Page], name: str) -> None:
        class Handler(BaseHTTPRequestHandler):
            timeout = _PATIENCE

            def do_GET(self) -> None:
                code, kind, text = answer(self.path.partition("?")[0])
                body = text.encode()
                self.send_response(code)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the base class's name)
                """Says nothing: a probe every few seconds is no news."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Says nothing: a probe that hangs up is no news either."""

        self._server = Server((host, port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name=name, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it answers."""
        host, port = self._server.server_address[:2]
        name = host.decode() if isinstance(host, bytes) else str(host)
        return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"

    def close(self) -> None:
        """Stops answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
