"""Holds a resumption back until the scheduler has noticed that the task's first leg ended.

Airflow 3.3 fails a task that is queued again before its scheduler has read from the executor that the worker of the first leg is
done ("finished with state success, but the task instance's state attribute is queued", apache/airflow#67287, #72716). The
worker may be reaped ``min_heartbeat_interval`` late, and the scheduler reads once per loop, which takes as long as it takes: no
constant covers that. Airflow's health page tells when the scheduler last finished a loop, so that is what we wait for, while
somebody answers. One question serves all triggers of an event loop.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from datetime import datetime

from .._compat import health_page, heartbeat_interval

__all__ = ["scheduler_has_seen"]

_REAPED_LATE = 1.0
"""Seconds on top of the heartbeat interval after which a worker that ended is reaped."""
_PAUSE = 1.0
_TIMEOUT = 5.0


class _Health:
    """The newest heartbeat of the scheduler, asked for at most once a second."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._asking: asyncio.Task[float | None] | None = None
        self._asked_at = 0.0

    async def heartbeat(self) -> float | None:
        """Unix time; None when Airflow does not say."""
        if self._asking is None or (self._asking.done() and time.monotonic() - self._asked_at >= _PAUSE):
            self._asked_at = time.monotonic()
            self._asking = asyncio.get_running_loop().create_task(self._ask())
        return await asyncio.shield(self._asking)

    async def _ask(self) -> float | None:
        import httpx

        try:
            async with httpx.AsyncClient(timeout=_TIMEOUT) as http:
                told = (await http.get(self._url)).json()["scheduler"]["latest_scheduler_heartbeat"]
            return datetime.fromisoformat(told).timestamp()
        except (httpx.HTTPError, KeyError, TypeError, ValueError):
            return None


_known: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Health] = weakref.WeakKeyDictionary()


async def scheduler_has_seen(ended: float, *, patience: float) -> None:
    """Returns once the scheduler must have noticed that a worker ended; at the latest when patience is over.

    Args:
        ended: Unix time at which the worker deferred its task.
        patience: Seconds. Airflow may not answer here, or its clocks may differ: a task must not wait for ever.
    """
    page = health_page()
    if page is None:
        return
    health = _known.setdefault(asyncio.get_running_loop(), _Health(page))
    reaped = ended + heartbeat_interval() + _REAPED_LATE
    end = time.monotonic() + patience
    while time.monotonic() < end:
        beat = await health.heartbeat()
        if beat is None or beat >= reaped:
            return
        await asyncio.sleep(_PAUSE)
