"""One poll for every run waited on: drives `RunWatcher` on an event loop.

Rules, each learnt from a measured failure in a real Airflow triggerer:

* waiters await a plain Future, never a grpc.aio call: grpcio loses the cancel message that Airflow uses as its signal;
* the polling task starts in an empty context, or its logs land in the first trigger's log file;
* any error outside one run's own answer fails or retries *all* waiters: none hangs;
* a waiter removes itself in ``finally``; the poll survives the cancellation of any one waiter;
* ``sleep(0)`` between calls, so that ten thousand runs do not starve the loop;
* grpc.aio ends calls with a CancelledError that nobody asked for: only a task that is being cancelled was cancelled.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ..model.errors import BridgeError, DeadlineExceeded, Unauthenticated, Unavailable
from ..model.retry_policy import may_pass
from .poll_once import ask
from .renewal import being_cancelled
from .timeouts import LAST_CHECK, Outage
from .watcher import RunWatcher

if TYPE_CHECKING:
    from ..backends.base import Backend
    from ..model.poll_policy import PollPolicy
    from ..model.runs import RunSnapshot

__all__ = ["SharedPoll"]

log = logging.getLogger("bridge_core")

Waiter = asyncio.Future["RunSnapshot"]


class SharedPoll:
    """The poll of one project and domain: a task that lives while somebody waits."""

    def __init__(
        self,
        backend: Callable[[], Backend],
        policy: PollPolicy,
        project: str,
        domain: str,
        *,
        renew: Callable[[Backend], Awaitable[bool]] | None,
        forget: Callable[[], object],
    ) -> None:
        self._backend = backend
        self._policy = policy
        self._project = project
        self._domain = domain
        self._renew = renew
        self._renewed = False
        self._forget = forget
        self._watcher = RunWatcher(policy)
        self._waiters: dict[str, set[Waiter]] = {}
        self._looks: dict[str, dict[asyncio.Future[None], int]] = {}
        self._questions = 0
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._outage = Outage(f"runs of {project}/{domain}")
        self.trouble: BridgeError | None = None
        self.answered = self._loop.time()
        """When Flyte last answered; before it did, when this poll began. Seconds of the loop's clock."""
        self.stopped = False

    def join(self, name: str) -> Waiter:
        """A future for the end of this run."""
        waiter: Waiter = self._loop.create_future()
        self._waiters.setdefault(name, set()).add(waiter)
        self._watcher.add(name, self._loop.time())
        self._wake.set()
        if self._task is None or self._task.done():
            # An empty context: the first waiter's context variables (Airflow's log handlers) must not become the poll's.
            self._task = contextvars.Context().run(self._loop.create_task, self._run())
            self._task.add_done_callback(self._ended, context=contextvars.Context())
        return waiter

    def leave(self, name: str, waiter: Waiter) -> None:
        """Nobody needs this future any more."""
        waiters = self._waiters.get(name)
        if waiters is None:
            return
        waiters.discard(waiter)
        if waiter.done() and not waiter.cancelled():
            waiter.exception()  # its caller was cancelled at that moment: nobody else will ask
        if not waiters:
            del self._waiters[name]
            self._watcher.discard(name)
            self._wake.set()

    def last(self, name: str) -> RunSnapshot | None:
        """What was last heard of this run."""
        return self._watcher.last(name)

    async def look_once_more(self, name: str, waiter: Waiter) -> BridgeError | None:
        """Waits for the answer to a question asked from now on, but not for long; what is wrong if there is none.

        All who call this share that question.
        """
        look = self._loop.create_future()
        looks = self._looks.setdefault(name, {})
        looks[look] = self._questions
        self._watcher.make_due(name, self._loop.time())
        self._wake.set()
        try:
            await asyncio.wait({look, waiter}, timeout=LAST_CHECK, return_when=asyncio.FIRST_COMPLETED)
            if look.done() or self.trouble is not None:
                return self.trouble
            return DeadlineExceeded(f"there was none within {LAST_CHECK:g} s", code="DEADLINE_EXCEEDED")
        finally:
            del looks[look]
            if not looks:
                self._looks.pop(name, None)

    def _asked(self, names: tuple[str, ...], question: int) -> None:
        """A question is over. Who came while it was asked wants another one."""
        for name in names if self._looks else ():
            for look, after in self._looks.get(name, {}).items():
                if after >= question:
                    self._watcher.make_due(name, self._loop.time())
                elif not look.done():
                    look.set_result(None)

    def stop(self) -> asyncio.Task[None] | None:
        """Fails whoever still waits, and cancels the task; returns it, to be awaited."""
        self.stopped = True
        self._fail_all(BridgeError(f"the client that waited for runs of {self._project}/{self._domain} was closed"))
        if self._task is not None:
            self._task.cancel()
        return self._task

    def _ended(self, task: asyncio.Task[None]) -> None:
        """The task is over. Nobody may be left waiting, whatever ended it: even a task cancelled before its first step."""
        if self._task is not task or self.stopped:
            return  # somebody joined meanwhile and started another
        self._forget()
        if self._waiters:
            self._fail_all(Unavailable(f"the poll of {self._project}/{self._domain} was cancelled"))

    async def _run(self) -> None:
        try:
            while self._waiters:
                await self._round()
        except BridgeError as error:
            self._fail_all(error)
        except Exception as error:
            log.exception("the poll of %s/%s broke", self._project, self._domain)
            self._fail_all(BridgeError(f"waiting for runs of {self._project}/{self._domain} broke: {error!r}"))

    async def _round(self) -> None:
        """Asks about everything that is due, then sleeps until something is, or somebody joins or leaves."""
        begin = self._loop.time()
        while names := self._watcher.due(begin):
            self._questions += 1
            question = self._questions
            if await self._ask_or_renew(names):
                self._asked(names, question)
            await asyncio.sleep(0)
        self._outage.tell(self.trouble)
        due = self._watcher.due_in(self._loop.time())
        self._wake.clear()
        if due is None:
            return
        try:
            await asyncio.wait_for(self._wake.wait(), due)
        except TimeoutError:
            return

    async def _ask_or_renew(self, names: tuple[str, ...]) -> bool:
        """Whether they were asked about; after a refusal it renews instead, and those who are due still are."""
        backend = self._backend()
        place = (self._project, self._domain)
        try:
            try:
                self.trouble = await ask(
                    backend, self._watcher, place, names, self._settle, now=self._loop.time, chance=0.5
                )
            except Unauthenticated:
                if self._renewed or self._renew is None or not await self._renew(backend):
                    raise
                self._renewed = True
                return False
        except asyncio.CancelledError:
            if being_cancelled():
                raise
            self._put_off(names, Unavailable(f"a question about runs of {place[0]}/{place[1]} was cancelled"))
        except BridgeError as error:  # the credentials could not be loaded
            if not may_pass(error):
                raise
            self._put_off(names, error)
        if self.trouble is None:
            self._renewed = False
            self.answered = self._loop.time()
        return True

    def _put_off(self, names: tuple[str, ...], trouble: BridgeError) -> None:
        self.trouble = trouble
        self._watcher.postpone_all(names, self._loop.time(), 0.5)

    def _settle(self, name: str, outcome: RunSnapshot | BridgeError) -> None:
        self._watcher.discard(name)
        for waiter in self._waiters.pop(name, ()):
            if waiter.done():
                continue
            if isinstance(outcome, BridgeError):
                waiter.set_exception(outcome)
            else:
                waiter.set_result(outcome)

    def _fail_all(self, error: BridgeError) -> None:
        for name in list(self._waiters):
            self._settle(name, error)
