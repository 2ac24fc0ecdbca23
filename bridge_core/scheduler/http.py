"""Pages for probes, Prometheus and people: ``/livez``, ``/readyz``, ``/healthz``, ``/metrics``. Reads, never acts.

On loopback unless it is said otherwise; another address is for a pod, whose probes and scrapes come from outside. The pages
name triggers' file and numbers, no inputs and no credentials, and ask for none: a network policy says who may read them.
"""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from bridge_core import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .health import Health

__all__ = ["HealthServer"]

_PATIENCE = 10
"""Seconds that a client may take for its request: one that says nothing holds a thread for so long."""


class HealthServer:
    """Serves the pages in a thread.

    Args:
        host: Address to listen on; IPv6 too. ``0.0.0.0`` or ``::`` for all of the machine.
        port: 0 for a free one.
        health: Gives how the runner is.
        metrics: Gives the Prometheus text.

    Raises:
        ConfigError: There it cannot listen.
    """

    def __init__(self, host: str, port: int, health: Callable[[], Health], metrics: Callable[[], str]) -> None:
        class Handler(BaseHTTPRequestHandler):
            timeout = _PATIENCE

            def do_GET(self) -> None:
                page = self.path.partition("?")[0]
                if page == "/metrics":
                    self._answer(200, "text/plain; version=0.0.4; charset=utf-8", metrics())
                elif page in ("/livez", "/readyz", "/healthz", "/health"):
                    now = health()
                    trouble = now.not_ready if page == "/readyz" else now.not_live
                    text = {**now.details, "ok": trouble is None, "trouble": trouble}
                    self._answer(200 if trouble is None else 503, "application/json", json.dumps(text) + "\n")
                else:
                    self._answer(404, "text/plain; charset=utf-8", "here are /livez, /readyz, /healthz and /metrics\n")

            def _answer(self, code: int, kind: str, text: str) -> None:
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

        try:
            self._server = Server((host, port), Handler)
        except (OSError, OverflowError) as error:
            raise ConfigError(
                f"port {port} of {host} for /livez, /readyz and /metrics cannot be opened: {error}; give another --http-port, or "
                "0 for a free one, and as --http-host an address of this machine, or 0.0.0.0 for all"
            ) from None
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="scheduler-http", daemon=True
        )
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
