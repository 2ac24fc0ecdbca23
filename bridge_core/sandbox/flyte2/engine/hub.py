"""Tells open streams that something changed; they read the store again and send what is new to their caller."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from ...controls.flyte2_faults import Flyte2Faults

__all__ = ["Hub", "Subscription"]


class Subscription:
    """One stream's ear, on the loop where it was made; a context manager."""

    def __init__(self, hub: Hub, run: str | None) -> None:
        self._hub = hub
        self._run = run
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def changed(self) -> None:
        """Returns when something changed since it returned last."""
        await self._changed.wait()
        self._changed.clear()

    def tell(self, run: str) -> None:
        """Something of this run changed; from any thread."""
        if self._run is None or self._run == run:
            self._loop.call_soon_threadsafe(self._changed.set)

    def __enter__(self) -> Self:
        self._hub.add(self)
        return self

    def __exit__(self, *_error: object) -> None:
        self._hub.remove(self)


class Hub:
    """Who listens.

    Args:
        faults: Which notifications are lost.
    """

    def __init__(self, faults: Flyte2Faults) -> None:
        self._faults = faults
        self._lock = threading.Lock()
        self._subscriptions: set[Subscription] = set()

    def subscribe(self, run: str | None = None) -> Subscription:
        """An ear for one run, or for all; only names count, as there (``ListenForUpdates``)."""
        return Subscription(self, run)

    def publish(self, run: str) -> None:
        """Something of this run changed."""
        if self._faults.take_lost_notification():
            return
        with self._lock:
            subscriptions = list(self._subscriptions)
        for subscription in subscriptions:
            subscription.tell(run)

    def add(self, subscription: Subscription) -> None:
        """Begins to tell it."""
        with self._lock:
            self._subscriptions.add(subscription)

    def remove(self, subscription: Subscription) -> None:
        """Stops telling it."""
        with self._lock:
            self._subscriptions.discard(subscription)
