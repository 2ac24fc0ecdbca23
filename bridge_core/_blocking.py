"""Run the one async implementation without an event loop.

The blocking transport does its I/O inside ``async def`` bodies that never suspend, so a coroutine that awaits nothing but
its transport finishes on its first step and hands its result back in ``StopIteration``. No thread, no loop: safe after
``fork`` (Airflow workers fork), inside a running loop, and under a debugger. Why not grpc.aio behind a background
thread: of 30 children forked with such a client open, none survived.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterator

__all__ = ["iter_blocking", "run_blocking"]

T = TypeVar("T")

_SUSPENDED = (
    "{} awaited something other than its transport, so it cannot run without an event loop; use AsyncClient, or move that I/O "
    "behind Transport."
)


def run_blocking(coro: Coroutine[Any, Any, T]) -> T:
    """Steps a coroutine once and returns its result.

    Raises:
        RuntimeError: The coroutine suspended: some code awaited something other than its transport.
    """
    try:
        coro.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        coro.close()
    raise RuntimeError(_SUSPENDED.format(getattr(coro, "__qualname__", coro)))


def iter_blocking(items: AsyncIterator[T]) -> Iterator[T]:
    """Iterates an async iterator that awaits nothing but its transport."""
    while True:
        step: Any = items.__anext__()
        try:
            step.send(None)
        except StopIteration as stop:
            yield stop.value
        except StopAsyncIteration:
            return
        else:
            step.close()
            raise RuntimeError(_SUSPENDED.format(items))
