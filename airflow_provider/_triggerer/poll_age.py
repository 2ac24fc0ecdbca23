"""Tells Airflow's metrics how many runs this triggerer waits for, and for how long Flyte has not answered: an outage ends no
wait, so nothing else shows it. One look for all triggers of the event loop.
"""

from __future__ import annotations

import asyncio
import contextvars
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .._shared.metrics import gauge

if TYPE_CHECKING:
    from bridge_core import AsyncClient

__all__ = ["polled_by", "waiting"]

_INTERVAL = 10.0

_waiting = 0
_clients: weakref.WeakSet[AsyncClient] = weakref.WeakSet()
_teller: asyncio.Task[None] | None = None


@contextmanager
def waiting() -> Iterator[None]:
    """Counts one more run that this triggerer waits for."""
    global _waiting, _teller  # noqa: PLW0603  # of one event loop's thread
    _waiting += 1
    gauge("waiting", _waiting)
    if _teller is None or _teller.done():
        # An empty context: its logs are of no single trigger.
        _teller = contextvars.Context().run(asyncio.get_running_loop().create_task, _tell())
    try:
        yield
    finally:
        _waiting -= 1
        gauge("waiting", _waiting)
        if not _waiting:  # who keeps gauges would show the last one for ever, and an alert on it would not end
            gauge("poll_age", 0.0)


def polled_by(client: AsyncClient) -> None:
    """Runs are waited for with this client."""
    _clients.add(client)


async def _tell() -> None:
    while True:
        await asyncio.sleep(_INTERVAL)
        if not _waiting:
            return
        ages = [client.poll_age() for client in _clients]
        gauge("poll_age", max((age for age in ages if age is not None), default=0.0))
