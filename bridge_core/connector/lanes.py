"""Where the calls to one connector run, so that one which hangs, or blocks its event loop, harms no other.

Coroutines run on an event loop that the connector has for itself, plain methods on threads of their own. Both are daemons: Python
can stop neither from outside, and a process that was told to stop must not wait for them for ever. A call that is not answered in
time is given up (a coroutine is cancelled, a thread is left), except for one that creates a job: it goes on, so that the job it
makes is known when Flyte asks again.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from queue import SimpleQueue
from typing import Any

from ..model.errors import DeadlineExceeded
from .crossing import Call, Deadlines, Mailbox
from .patience import PatientLoop

__all__ = ["Lane"]


class Lane:
    """The loop and the threads of one connector. Used from the server's loop only.

    Args:
        name: The connector's, for names of threads.
        workers: Plain methods at once; more wait for their turn.
    """

    def __init__(self, name: str, workers: int) -> None:
        self._name = name
        self._workers = workers
        self._busy = 0
        self._waiting: deque[tuple[Call, Callable[[], Any]]] = deque()
        self._work: SimpleQueue[tuple[Call, Callable[[], Any]] | None] = SimpleQueue()
        self._threads = 0
        self._own: Mailbox | None = None
        self._here: Mailbox | None = None
        self._open: Deadlines | None = None

    async def call(
        self, method: Callable[..., Any], arguments: Mapping[str, Any], *, timeout: float, keep: bool = False
    ) -> Any:
        """Calls a method of the connector.

        Args:
            method: Plain or ``async``.
            arguments: Keywords.
            timeout: Seconds until it is given up.
            keep: Whether it goes on when nobody waits any more.

        Raises:
            DeadlineExceeded: No answer in time.
        """

        def late() -> DeadlineExceeded:
            return DeadlineExceeded(f"connector {self._name!r}: {method.__name__} gave no answer within {timeout:g} s")

        call = Call(self._mailbox(), self._name, keep=keep)
        if inspect.iscoroutinefunction(method):
            call.await_on(self._there(), lambda: method(**arguments))
        else:
            self._waiting.append((call, lambda: method(**arguments)))
            self._next()
        return await self._deadlines().result(call, timeout, late)

    async def items(
        self, method: Callable[..., Any], arguments: Mapping[str, Any], *, timeout: float
    ) -> AsyncIterator[Any]:
        """What a method yields or returns: a generator, an async generator, a list.

        Args:
            method: Plain or ``async``.
            arguments: Keywords.
            timeout: Seconds to wait for each item.
        """
        if inspect.isasyncgenfunction(method):
            found = method(**arguments)
        else:
            found = await self.call(method, arguments, timeout=timeout)
        if hasattr(found, "__anext__"):
            step: Callable[[], Any] = _async_step(found)
        elif hasattr(found, "__next__"):

            def step() -> Any:
                return next(found, _END)
        else:
            for item in found if isinstance(found, list | tuple) else [found]:
                yield item
            return
        while (item := await self.call(step, {}, timeout=timeout)) is not _END:
            yield item

    def close(self) -> None:
        """Ends the loop and the threads; what still runs there is dropped."""
        for _ in range(self._threads):
            self._work.put(None)
        self._threads = 0
        if self._own is not None:
            self._own.loop.call_soon_threadsafe(self._own.loop.stop)
            self._own = None

    # -- threads

    def _next(self) -> None:
        """Gives threads what waits for a turn. A call that nobody waits for any more is not begun."""
        while self._waiting and self._busy < self._workers:
            call, work = self._waiting.popleft()
            if not call.is_wanted:
                continue
            self._busy += 1
            if self._busy > self._threads:
                self._threads += 1
                threading.Thread(
                    target=self._serve, args=(self._mailbox(),), name=f"connector-{self._name}", daemon=True
                ).start()
            self._work.put((call, work))

    def _serve(self, here: Mailbox) -> None:
        """A thread: does what comes, one after the other."""
        while (given := self._work.get()) is not None:
            here.post(_worked(*given, self._ended))
            del given  # what it holds must not live as long as the thread waits

    def _ended(self, call: Call, value: Any, error: BaseException | None) -> None:
        """A thread keeps its turn until it is done, also when nobody waits: one that hangs must not get company for ever."""
        self._busy -= 1
        if inspect.isawaitable(value):  # a plain function that returns a coroutine
            call.await_on(self._there(), lambda: value)
        else:
            call.settle(value, error)
        self._next()

    # -- the connector's loop

    def _mailbox(self) -> Mailbox:
        if self._here is None:
            loop = asyncio.get_running_loop()
            assert isinstance(loop, PatientLoop)
            self._here = Mailbox(loop)
        return self._here

    def _deadlines(self) -> Deadlines:
        if self._open is None:
            self._open = Deadlines(self._mailbox().loop)
        return self._open

    def _there(self) -> Mailbox:
        if self._own is None:
            self._own = Mailbox(PatientLoop())
            threading.Thread(
                target=_run, args=(self._own.loop,), name=f"connector-loop-{self._name}", daemon=True
            ).start()
        return self._own


_END: Any = object()


def _run(loop: PatientLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    finally:
        loop.close()


def _worked(
    call: Call, work: Callable[[], Any], ended: Callable[[Call, Any, BaseException | None], None]
) -> Callable[[], None]:
    """Does it; the step that tells the server's loop."""
    try:
        value = work()
    except BaseException as error:  # noqa: BLE001 - the boundary of the thread: whoever waits is told
        failed = error
        return lambda: ended(call, None, failed)
    return lambda: ended(call, value, None)


def _async_step(items: Any) -> Callable[[], Any]:
    async def step() -> Any:
        return await anext(items, _END)

    return step
