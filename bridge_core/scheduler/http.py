"""Pages for probes, Prometheus and people: ``/livez``, ``/readyz``, ``/healthz``, ``/metrics``. Reads, never acts.

On loopback unless it is said otherwise; another address is for a pod, whose probes and scrapes come from outside. The pages
name triggers' file and numbers, no inputs and no credentials, and ask for none: a network policy says who may read them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bridge_core import ConfigError
from bridge_core.http.pages import JSON, METRICS, Page, PageServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from .health import Health

__all__ = ["HealthServer"]


class HealthServer(PageServer):
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
        def answer(path: str) -> Page:
            if path == "/metrics":
                return Page(200, METRICS, metrics())
            if path in ("/livez", "/readyz", "/healthz", "/health"):
                now = health()
                trouble = now.not_ready if path == "/readyz" else now.not_live
                text = {**now.details, "ok": trouble is None, "trouble": trouble}
                return Page(200 if trouble is None else 503, JSON, json.dumps(text) + "\n")
            return Page(404, "text/plain; charset=utf-8", "here are /livez, /readyz, /healthz and /metrics\n")

        try:
            super().__init__(host, port, answer, "scheduler-http")
        except (OSError, OverflowError) as error:
            raise ConfigError(
                f"port {port} of {host} for /livez, /readyz and /metrics cannot be opened: {error}; give another --http-port, or "
                "0 for a free one, and as --http-host an address of this machine, or 0.0.0.0 for all"
            ) from None
