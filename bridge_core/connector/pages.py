"""``/healthz`` and ``/metrics`` of a connector service: for probes and for Prometheus."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..http.pages import JSON, METRICS, Page, PageServer
from ..model.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["open_pages"]


def open_pages(
    host: str, port: int, health: Callable[[], tuple[bool, dict[str, Any]]], metrics: Callable[[], str]
) -> PageServer:
    """Serves the pages in a thread.

    Args:
        host: Where it listens.
        port: 0 for a free one.
        health: Gives (is it well, details).
        metrics: Gives the Prometheus text.

    Raises:
        ConfigError: There it cannot listen.
    """

    def answer(path: str) -> Page:
        if path == "/metrics":
            return Page(200, METRICS, metrics())
        if path in ("/healthz", "/health"):
            well, details = health()
            return Page(200 if well else 503, JSON, json.dumps(details) + "\n")
        return Page(404, "text/plain; charset=utf-8", "here are /healthz and /metrics\n")

    try:
        return PageServer(host, port, answer, "health-http")
    except OSError as error:
        raise ConfigError(
            f"port {port} for /healthz and /metrics cannot be opened: {error.strerror}; give another --http-port, or 0 for "
            "a free one"
        ) from None
