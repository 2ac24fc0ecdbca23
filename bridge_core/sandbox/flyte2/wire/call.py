"""`Incoming`: what a handler may know of a call besides its request."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Incoming"]


@dataclass(frozen=True, slots=True)
class Incoming:
    """One call as it came."""

    headers: Mapping[str, str] = field(default_factory=dict)
    """Lower-case names; the last value of a repeated one."""
    ends: float | None = None
    """When the caller gives up, by the monotonic clock; None for never."""

    @property
    def seconds_left(self) -> float | None:
        """How long the caller still waits."""
        return None if self.ends is None else max(0.0, self.ends - time.monotonic())

    @property
    def base_url(self) -> str:
        """This server as the caller names it (``cluster/service``: scheme and host of the request, proxies heeded)."""
        scheme = self.headers.get("x-forwarded-proto") or "http"
        host = self.headers.get("host") or self.headers.get(":authority") or ""
        return f"{scheme}://{host}"
