"""One `AsyncClient` per event loop and key: what a triggerer with ten thousand waiting tasks needs.

A thousand triggers that each look their connection up and open a channel starve the triggerer; one shared client costs one
lookup and one poll. Everything here runs on one loop, so no locks: entries live in a dictionary per loop, found through a
weak reference so that a finished loop takes its clients with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine, Hashable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from ..model.errors import BridgeError
from .renewal import being_cancelled

__all__ = ["shared_client"]


class Shareable(Protocol):
    """What is shared: an `AsyncClient`, of which this file needs only that it can be closed."""

    async def aclose(self) -> None:
        """Closes it."""


C = TypeVar("C", bound=Shareable)


@dataclass(slots=True, eq=False)
class _Entry:
    opening: asyncio.Future[Any]
    users: int = 0
    closing: asyncio.Task[None] | None = field(default=None)


_entries: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, _Entry]] = weakref.WeakKeyDictionary()
_lock = threading.Lock()
"""Guards `_entries` itself; the dictionary of one loop is touched by that loop's thread only."""


@contextlib.asynccontextmanager
async def shared_client(
    key: Hashable, open_client: Callable[[], Coroutine[Any, Any, C]], linger: float
) -> AsyncIterator[C]:
    """See `AsyncClient.shared`; `open_client` is awaited once for all callers."""
    loop = asyncio.get_running_loop()
    entries = _entries_of(loop)
    entry = entries.get(key)
    if entry is None or _failed(entry.opening):
        # In a task of its own: the caller that came first may be cancelled, the others must not be. It keeps that caller's
        # context, because an Airflow connection is looked up through context variables.
        opening = contextvars.copy_context().run(loop.create_task, open_client())
        entry = entries[key] = _Entry(opening)
    entry.users += 1
    if entry.closing is not None:
        entry.closing.cancel()
        entry.closing = None
    try:
        try:
            client = await asyncio.shield(entry.opening)
        except BaseException as error:
            if _failed(entry.opening) and entries.get(key) is entry:
                del entries[key]  # the failure reaches every caller; the next one tries again
            if isinstance(error, asyncio.CancelledError) and entry.opening.cancelled() and not being_cancelled():
                raise BridgeError(
                    "opening the shared client was cancelled while its configuration was loaded"
                ) from None
            raise
        yield client
    finally:
        entry.users -= 1
        if entry.users == 0 and entries.get(key) is entry:
            entry.closing = contextvars.Context().run(loop.create_task, _close(entries, key, entry, linger))


async def _close(entries: dict[Hashable, _Entry], key: Hashable, entry: _Entry, linger: float) -> None:
    try:
        await asyncio.sleep(linger)
    except asyncio.CancelledError:
        if entry.closing is not asyncio.current_task():
            raise  # somebody uses it again
        # Else the loop is ending: asyncio.run cancels what is left, and nobody comes back.
        await _end(entries, key, entry)
        raise
    await _end(entries, key, entry)


async def _end(entries: dict[Hashable, _Entry], key: Hashable, entry: _Entry) -> None:
    if entries.get(key) is not entry or entry.users:
        return
    del entries[key]
    if not entries:
        _forget(asyncio.get_running_loop(), entries)
    if not entry.opening.done():
        entry.opening.cancel()
    elif not _failed(entry.opening):
        await entry.opening.result().aclose()


def _failed(opening: asyncio.Future[Any]) -> bool:
    return opening.done() and (opening.cancelled() or opening.exception() is not None)


def _entries_of(loop: asyncio.AbstractEventLoop) -> dict[Hashable, _Entry]:
    """The entries of this loop. Those of closed loops go: their tasks hold the loop, so the weak key would never die."""
    with _lock:
        if loop not in _entries:
            for other in list(_entries):
                if other.is_closed():
                    del _entries[other]
        return _entries.setdefault(loop, {})


def _forget(loop: asyncio.AbstractEventLoop, entries: dict[Hashable, _Entry]) -> None:
    with _lock:
        if _entries.get(loop) is entries:
            del _entries[loop]
