"""One `AsyncClient` per event loop and key: what a triggerer with ten thousand waiting tasks needs.

A thousand triggers that each look their connection up and open a channel starve the triggerer; one shared client costs one
lookup and one poll. Everything here runs on one loop, so no locks: entries live in a dictionary per loop, found through a
weak reference so that a finished loop takes its clients with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from dataclasses import dataclass, field

from .async_client import AsyncClient
from .config import Config

__all__ = ["shared_client"]

LoadConfig = Callable[[], Awaitable[Config]]


@dataclass(slots=True, eq=False)
class _Entry:
    opening: asyncio.Future[AsyncClient]
    users: int = 0
    closing: asyncio.Task[None] | None = field(default=None)


_entries: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, _Entry]] = weakref.WeakKeyDictionary()


@contextlib.asynccontextmanager
async def shared_client(key: Hashable, load_config: LoadConfig, linger: float) -> AsyncIterator[AsyncClient]:
    """See `AsyncClient.shared`."""
    loop = asyncio.get_running_loop()
    entries = _entries.setdefault(loop, {})
    entry = entries.get(key)
    if entry is None:
        # In a task of its own: the caller that came first may be cancelled, the others must not be. It keeps that caller's
        # context, because an Airflow connection is looked up through context variables.
        opening = contextvars.copy_context().run(loop.create_task, _open(load_config))
        entry = entries[key] = _Entry(opening)
    entry.users += 1
    if entry.closing is not None:
        entry.closing.cancel()
        entry.closing = None
    try:
        try:
            client = await asyncio.shield(entry.opening)
        except Exception:
            if entries.get(key) is entry:  # the failure reached every caller; the next one tries again
                del entries[key]
            raise
        yield client
    finally:
        entry.users -= 1
        if entry.users == 0 and entries.get(key) is entry:
            entry.closing = contextvars.Context().run(loop.create_task, _close(entries, key, entry, linger))


async def _open(load_config: LoadConfig) -> AsyncClient:
    client = AsyncClient(await load_config())
    client.renew_with(load_config)
    return client


async def _close(entries: dict[Hashable, _Entry], key: Hashable, entry: _Entry, linger: float) -> None:
    await asyncio.sleep(linger)
    if entries.get(key) is entry and entry.users == 0:
        del entries[key]
        if entry.opening.done() and not entry.opening.cancelled() and entry.opening.exception() is None:
            await entry.opening.result().aclose()
