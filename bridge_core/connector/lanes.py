"""Where the calls to one connector run, so that one which hangs, or blocks its event loop, harms no other.

Coroutines run on an event loop that the connector has for itself, plain methods on threads of their own. Both are daemons: Python
can stop neither from outside, and a process that was told to stop must not wait for them for ever. A call that is not answered in
time is given up (a coroutine is cancelled, a thread is left), except for one that creates a job: it goes on, so that the job it
makes is known when Flyte asks again.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import Future
from typing import Any

from ..model.errors import DeadlineExceeded
from .crossing import Mailbox, call_there

__all__ = ["Lane"]


class Lane:
    """The loop and the threads of one connector. Used from the server's loop only.

    Args:
        name: The connector's, for names of threads.
        workers: Plain methods at once; more wait for their turn.
    """

    def __init__(self, name: str, workers: int) -> None:
        self._name = name
        self._turns = asyncio.Semaphore(workers)
        self._own: Mailbox | None = None
        self._here: Mailbox | None = None

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
        given = asyncio.ensure_future(self._run(method, arguments))
        try:
            return await self._within(given, timeout, method.__name__)
        finally:
            if not given.done() and not keep:
                given.cancel()
            elif keep:
                given.add_done_callback(_look_at)

    async def _within(self, given: asyncio.Future[Any], timeout: float, what: str) -> Any:
        done, _ = await asyncio.wait({given}, timeout=timeout)
        if not done:
            raise DeadlineExceeded(f"connector {self._name!r}: {what} gave no answer within {timeout:g} s")
        return given.result()

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
        """Ends the loop; what still runs there is dropped."""
        if self._own is not None:
            self._own.loop.call_soon_threadsafe(self._own.loop.stop)
            self._own = None

    async def _run(self, method: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
        if inspect.iscoroutinefunction(method):
            return await self._awaited_there(lambda: method(**arguments))
        await self._turns.acquire()
        working = _on_thread(lambda: method(**arguments), self._name)
        # A thread keeps its turn until it is done, also when nobody waits for it: one that hangs must not get company for ever.
        working.add_done_callback(self._give_turn_back(asyncio.get_running_loop()))
        found = await asyncio.wrap_future(working)
        if inspect.isawaitable(found):  # a plain function that returns a coroutine
            return await self._awaited_there(lambda: found)
        return found

    async def _awaited_there(self, begin: Callable[[], Awaitable[Any]]) -> Any:
        loop = asyncio.get_running_loop()
        if self._here is None or self._here.loop is not loop:
            self._here = Mailbox(loop)
        return await call_there(lambda: _awaited(begin, self._name), self._there(), self._here)

    def _give_turn_back(self, loop: asyncio.AbstractEventLoop) -> Callable[[Future[Any]], None]:
        def done(_: Future[Any]) -> None:
            with contextlib.suppress(RuntimeError):  # the server's loop is closed
                loop.call_soon_threadsafe(self._turns.release)

        return done

    def _there(self) -> Mailbox:
        if self._own is None:
            self._own = Mailbox(asyncio.new_event_loop())
            threading.Thread(
                target=_serve, args=(self._own.loop,), name=f"connector-loop-{self._name}", daemon=True
            ).start()
        return self._own


_END: Any = object()


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    finally:
        loop.close()


async def _awaited(begin: Callable[[], Awaitable[Any]], name: str) -> Any:
    try:
        return await begin()  # begun here: one that is given up before its turn was never begun
    except asyncio.CancelledError:
        raise
    except BaseException as error:
        raise _harmless(error, name) from error


def _harmless(error: BaseException, name: str) -> BaseException:
    """The same, of what would end an event loop (``sys.exit`` in a connector) or what futures do not take."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    return RuntimeError(f"connector {name!r} raised {error!r}")


def _async_step(items: Any) -> Callable[[], Any]:
    async def step() -> Any:
        return await anext(items, _END)

    return step


def _on_thread(work: Callable[[], Any], name: str) -> Future[Any]:
    future: Future[Any] = Future()

    def run() -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - the boundary of the thread: whoever waits is told
            future.set_exception(_harmless(error, name))
        else:
            future.set_result(result)

    threading.Thread(target=run, name=f"connector-{name}", daemon=True).start()
    return future


def _look_at(future: asyncio.Future[Any]) -> None:
    """Takes the exception of a call that nobody waits for, so that asyncio does not complain of it."""
    if not future.cancelled():
        future.exception()
