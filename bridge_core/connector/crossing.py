"""`Mailbox`: steps for an event loop from other threads, many with one wake-up.

``run_coroutine_threadsafe`` wakes the other loop for every call and this one for every result: a system call and a change of
thread each, which is half of what answering a short question costs. Here a loop sends what it has once per turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

__all__ = ["Mailbox", "call_there"]


class Mailbox:
    """Steps on their way to one loop, from one other."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._lock = threading.Lock()
        self._waiting: list[Callable[[], Any]] = []  # of the sender, until its turn is over
        self._sent: deque[Callable[[], Any]] = deque()
        self._woken = False

    def put(self, step: Callable[[], Any], sender: asyncio.AbstractEventLoop) -> None:
        """Has a step done on the loop, in order; nothing when it is closed.

        Args:
            step: What to do.
            sender: The loop that this is called on.
        """
        if not self._waiting:
            sender.call_soon(self._send)
        self._waiting.append(step)

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        with self._lock:
            self._sent.extend(waiting)
            if self._woken:
                return
            self._woken = True
        with contextlib.suppress(RuntimeError):  # it is closed: who waits there is gone
            self.loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        with self._lock:
            steps, self._sent = self._sent, deque()
            self._woken = False
        for step in steps:
            step()


async def call_there(begin: Callable[[], Awaitable[Any]], there: Mailbox, here: Mailbox) -> Any:
    """Awaits on another loop. Given up here, it is cancelled there, or not begun.

    Args:
        begin: Makes what is awaited; called there.
        there: Where.
        here: Of the loop that runs this.
    """
    future = here.loop.create_future()
    task: asyncio.Task[Any] | None = None

    async def awaited() -> Any:
        return await begin()

    def start() -> None:
        nonlocal task
        if not future.cancelled():
            task = there.loop.create_task(awaited())
            task.add_done_callback(ended)

    def ended(done: asyncio.Task[Any]) -> None:
        here.put(lambda: _settle(future, done), there.loop)

    def given_up(_: asyncio.Future[Any]) -> None:
        if future.cancelled():
            there.put(lambda: task is not None and task.cancel(), here.loop)

    future.add_done_callback(given_up)
    there.put(start, here.loop)
    return await future


def _settle(future: asyncio.Future[Any], done: asyncio.Task[Any]) -> None:
    if future.done():
        if not done.cancelled():
            done.exception()  # looked at, or asyncio would complain
    elif done.cancelled():
        future.cancel()
    elif (error := done.exception()) is not None:
        future.set_exception(error)
    else:
        future.set_result(done.result())
