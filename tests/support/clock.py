"""Time that passes when somebody sleeps: patience of minutes is tested in seconds, on the wire all the same."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge_core import Client

__all__ = ["FastClock"]


class FastClock:
    """The clock of one client: real time, and on top of it whatever was slept.

    Attributes:
        slept: Seconds that the client meant to sleep, in order.
    """

    def __init__(self, client: Client) -> None:
        self.slept: list[float] = []
        self._due: list[tuple[float, Callable[[], object]]] = []
        self._lock = threading.Lock()
        transport: Any = client._transport
        transport.now, transport.sleep = self.now, self.sleep

    def at(self, seconds: float, call: Callable[[], object]) -> None:
        """Calls it once, when this much has been slept."""
        self._due.append((seconds, call))

    def now(self) -> float:
        """Monotonic seconds."""
        return time.monotonic() + sum(self.slept)

    async def sleep(self, seconds: float) -> None:
        """Returns at once, and it is later."""
        with self._lock:
            self.slept.append(seconds)
            due = [item for item in self._due if item[0] <= sum(self.slept)]
            self._due = [item for item in self._due if item not in due]
        for _, call in due:
            call()
        time.sleep(0.001)  # noqa: ASYNC251  # others get their turn
