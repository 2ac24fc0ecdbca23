"""``/healthz`` and ``/metrics`` of a connector service: for probes and for Prometheus. Reads, never acts."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from ..model.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Pages"]


class Pages:
    """Serves two pages in a thread.

    Args:
        port: 0 for a free one.
        health: Gives (is it well, details).
        metrics: Gives the Prometheus text.
        host: Where it listens; only this machine can ask unless it is another address.
    """

    def __init__(
        self,
        port: int,
        health: Callable[[], tuple[bool, dict[str, Any]]],
        metrics: Callable[[], str],
        *,
        host: str = "127.0.0.1",
    ) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/metrics":
                    self._answer(200, "text/plain; version=0.0.4; charset=utf-8", metrics())
                elif self.path in ("/healthz", "/health"):
                    well, details = health()
                    self._answer(200 if well else 503, "application/json", json.dumps(details) + "\n")
                else:
                    self._answer(404, "text/plain; charset=utf-8", "here are /healthz and /metrics\n")

            def _answer(self, code: int, kind: str, text: str) -> None:
                body = text.encode()
                self.send_response(code)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the base class's name)
                """Says nothing: a probe every few seconds is no news."""

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise ConfigError(
                f"port {port} for /healthz and /metrics cannot be opened: {error.strerror}; give another --http-port, or 0 for "
                "a free one"
            ) from None
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="health-http", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it answers."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def close(self) -> None:
        """Stops answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
