"""The HTTP server: one port for files, objects, the console and tokens. Who answers is decided here, how is decided there."""

from __future__ import annotations

import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from email.message import Message

__all__ = ["Exchange", "HttpServer", "Route"]

_log = logging.getLogger(__name__)
_SHUTDOWN_POLL = 0.05  # seconds until the server notices that it shall stop


class Exchange:
    """One request and its answer."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self._handler = handler
        self.method: str = handler.command
        self.target: str = handler.path
        """Path and query, as they came."""
        self.headers: Message = handler.headers
        self.input: BinaryIO = handler.rfile  # type: ignore[assignment]
        self.output: BinaryIO = handler.wfile  # type: ignore[assignment]

    @property
    def path(self) -> str:
        """The path without its query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> str:
        """The query without its path."""
        return urlsplit(self.target).query

    def head(self, status: int, headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> None:
        """Sends status and headers; the body follows on `output`."""
        self._handler.send_response(status)
        for name, value in dict(headers).items():
            self._handler.send_header(name, value)
        self._handler.send_header("X-Content-Type-Options", "nosniff")
        if self._handler.close_connection:
            self._handler.send_header("Connection", "close")
        self._handler.end_headers()

    def answer(self, status: int, body: bytes, kind: str, headers: Mapping[str, str] | None = None) -> None:
        """Sends a whole answer."""
        self.head(status, {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})})
        if self.method != "HEAD":
            self.output.write(body)

    def refuse(self, status: int, why: str, headers: Mapping[str, str] | None = None) -> None:
        """Says no in one line."""
        self.hang_up()  # the body of a refused upload was not read
        self.answer(status, why.encode() + b"\n", "text/plain; charset=utf-8", headers)

    def hang_up(self) -> None:
        """Closes the connection after this answer."""
        self._handler.close_connection = True


class Route:
    """Who answers which requests.

    Args:
        wants: Whether this one answers.
        answer: Answers.
        methods: What it may be asked; other methods are refused with 405.
    """

    def __init__(
        self,
        wants: Callable[[Exchange], bool],
        answer: Callable[[Exchange], None],
        methods: tuple[str, ...] = ("GET", "HEAD"),
    ) -> None:
        self.wants = wants
        self.answer = answer
        self.methods = methods


class HttpServer:
    """One listening server.

    Args:
        port: 0 for a free one.
        host: Address to listen on.
        names: Refuse requests for other host names than these: a web page elsewhere may point its own name at 127.0.0.1.
            None when others are let in and asked for a token.

    Raises:
        OSError: The port is taken.
    """

    def __init__(self, port: int, host: str, names: frozenset[str] | None) -> None:
        self._server = _Server((host, port), _Handler)
        self._server.names = names
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=[_SHUTDOWN_POLL], name="sandbox-http", daemon=True
        )

    def start(self, routes: Iterable[Route]) -> None:
        """Begins to answer; the first route that wants a request gets it."""
        self._server.routes = list(routes)
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
    request_queue_size = 128  # the default of 5 resets connections when a map's items start at once
    names: frozenset[str] | None
    routes: list[Route]

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """A client that went away is no error of ours; the default prints a traceback."""
        _log.debug("request of %s failed", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # also makes the base class answer "Expect: 100-continue"
    server: _Server
    timeout = 60

    def _do(self) -> None:
        exchange = Exchange(self)
        host = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
        names = self.server.names
        if names is not None and host not in names:
            exchange.refuse(403, f"this server answers to {' and '.join(sorted(names))} only, not to {host!r}")
            return
        for route in self.server.routes:
            if route.wants(exchange):
                if self.command in route.methods:
                    route.answer(exchange)
                else:
                    exchange.refuse(405, f"{self.command} is not possible here", {"Allow": ", ".join(route.methods)})
                return
        exchange.refuse(404, "no such page; runs are listed at /console")

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _do  # noqa: N815  # names that the base class looks for

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Requests are not printed."""
