"""Steps from the server's loop to a connector's and back, many with one wake-up, and the calls that are made of them.

``run_coroutine_threadsafe`` wakes the other loop for every call and this one for every result: a system call and a change of
thread each, which is half of what answering a short question costs. Here a loop sends what it has when it has nothing else to
do. For the same reason a call is one future, neither a task nor a timer: Flyte asks for every job every few seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .patience import PatientLoop

__all__ = ["Call", "Deadlines", "Mailbox"]


class Mailbox:
    """Steps on their way to one loop."""

    def __init__(self, loop: PatientLoop) -> None:
        self.loop = loop
        self._lock = threading.Lock()
        self._waiting: list[Callable[[], Any]] = []  # of the sender's loop, until it has nothing else to do
        self._sent: deque[Callable[[], Any]] = deque()
        self._woken = False

    def put(self, step: Callable[[], Any], sender: PatientLoop) -> None:
        """Has a step done on the loop, in order; nothing when it is closed.

        Args:
            step: What to do.
            sender: The loop that this is called on, always the same one.
        """
        if not self._waiting:
            sender.put_off(self._send)
        self._waiting.append(step)

    def post(self, step: Callable[[], Any]) -> None:
        """The same from any thread, at once."""
        self._pass_on([step])

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._pass_on(waiting)

    def _pass_on(self, steps: list[Callable[[], Any]]) -> None:
        with self._lock:
            self._sent.extend(steps)
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


class Call:
    """One call of a connector's method, made by the server's loop, whose thread uses it unless a method says otherwise.

    Args:
        here: Of the server's loop.
        name: The connector's.
        keep: Whether it goes on when nobody waits for it any more.
    """

    __slots__ = ("_ended", "_here", "_keep", "_name", "_task", "_there", "future")

    def __init__(self, here: Mailbox, name: str, *, keep: bool) -> None:
        self.future: asyncio.Future[Any] = here.loop.create_future()
        """What came out."""
        self._here = here
        self._name = name
        self._keep = keep
        self._ended = False
        self._there: Mailbox | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def is_wanted(self) -> bool:
        """Whether it is still to be begun. On any thread."""
        return self._keep or not self.future.done()

    async def result(self) -> Any:
        """Waits for what comes out; a coroutine that is given up is cancelled."""
        try:
            return await self.future
        finally:
            if not self._ended and not self._keep and self._there is not None:
                self._there.put(self._cancel, self._here.loop)

    def await_on(self, there: Mailbox, begin: Callable[[], Awaitable[Any]]) -> None:
        """Awaits on the connector's loop what ``begin``, called there, makes."""
        self._there = there
        there.put(lambda: self._start(there.loop, begin), self._here.loop)

    def settle(self, value: Any, error: BaseException | None) -> None:
        """Says what came out."""
        self._ended = True
        if self.future.done():  # nobody waits any more
            return
        if error is None:
            self.future.set_result(value)
        else:
            self.future.set_exception(self._harmless(error))

    def expire(self, error: BaseException) -> None:
        """Gives it up, unless it has ended."""
        if not self.future.done():
            self.future.set_exception(error)

    def _harmless(self, error: BaseException) -> BaseException:
        """The same, of what would end an event loop (``sys.exit`` in a connector) or what futures do not take."""
        if isinstance(error, Exception) and not isinstance(error, StopIteration):
            return error
        found = RuntimeError(f"connector {self._name!r} raised {error!r}")
        found.__cause__ = error
        return found

    # -- on the connector's loop

    def _start(self, loop: PatientLoop, begin: Callable[[], Awaitable[Any]]) -> None:
        if self.is_wanted:
            self._task = loop.create_task(self._work(loop, begin))

    async def _work(self, loop: PatientLoop, begin: Callable[[], Awaitable[Any]]) -> None:
        value: Any = None
        failed: BaseException | None = None
        try:
            value = await begin()
        except BaseException as error:  # noqa: BLE001 - the boundary of the loop: whoever waits is told
            failed = error
        self._here.put(lambda: self.settle(value, failed), loop)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()


class Deadlines:
    """Gives up calls that take too long, with one timer for all of them: nearly all end long before. Of the server's loop."""

    def __init__(self, loop: PatientLoop) -> None:
        self._loop = loop
        self._open: dict[Call, tuple[float, Callable[[], BaseException]]] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def result(self, call: Call, seconds: float, late: Callable[[], BaseException]) -> Any:
        """What comes out of a call.

        Args:
            call: It.
            seconds: How long it may take.
            late: Makes the error when there is nothing by then.
        """
        moment = self._loop.time() + seconds
        self._open[call] = (moment, late)
        if self._timer is None or moment < self._timer.when():
            self._wake_at(moment)
        try:
            return await call.result()
        finally:
            del self._open[call]

    def _wake_at(self, moment: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(moment, self._look)

    def _look(self) -> None:
        now = self._loop.time()
        self._timer = None
        for call, (moment, late) in self._open.items():
            if moment <= now:
                call.expire(late())
        following = min((moment for moment, _ in self._open.values() if moment > now), default=None)
        if following is not None:
            self._wake_at(following)
