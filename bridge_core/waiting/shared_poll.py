"""One poll for every run waited on: drives `watcher.RunWatcher` on an event loop.

Rules, each learnt from a measured failure in a real Airflow triggerer:

* waiters await a plain Future, never a grpc.aio call: grpcio loses the cancel message that Airflow uses as its signal;
* the polling task starts in an empty context, or its logs land in the first trigger's log file;
* any error outside one run's own answer fails or retries *all* waiters: none hangs;
* a waiter removes itself in ``finally``; the poll survives the cancellation of any one waiter;
* ``sleep(0)`` between calls, so that ten thousand runs do not starve the loop;
* grpc.aio ends calls with a CancelledError that nobody asked for: only a task that is being cancelled was cancelled.

The loop, the Config and the credentials are the client's: one client has one `Waiting`, so a good and a bad credential
never share a poll.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from ..model.errors import BridgeError, DeadlineExceeded, Unauthenticated, Unavailable, WaitTimeout
from ..model.policies import PollPolicy, may_pass
from .question import ask
from .timeouts import LAST_CHECK, Outage, seconds, timed_out
from .watcher import RunWatcher

if TYPE_CHECKING:
    from datetime import timedelta

    from ..backends.base import Backend
    from ..config import Config
    from ..model.ids import RunRef
    from ..model.runs import RunSnapshot
    from ..transport.aio import AioTransport

__all__ = ["Renewal", "Waiting", "being_cancelled"]

log = logging.getLogger("bridge_core")

Waiter = asyncio.Future["RunSnapshot"]


def being_cancelled() -> bool:
    """Whether a CancelledError seen now is meant for the current task."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class Renewal:
    """Loads the configuration again when Flyte refuses the credentials: once for everybody who was refused.

    Args:
        current: Returns the backend to ask now.
        replace: Puts a new configuration in place and returns the transport that it replaces.
    """

    def __init__(self, current: Callable[[], Backend], replace: Callable[[Config], AioTransport]) -> None:
        self._current = current
        self._replace = replace
        self._load: Callable[[], Awaitable[Config]] | None = None
        self._context = contextvars.Context()
        self._task: asyncio.Task[None] | None = None
        self._retired: dict[AioTransport, asyncio.Task[None]] = {}

    def load_with(self, load: Callable[[], Awaitable[Config]]) -> None:
        """What to load with, in the context of this caller: an Airflow connection is looked up through context variables."""
        self._load, self._context = load, contextvars.copy_context()

    async def renew(self, refused: Backend) -> bool:
        """Whether asking again makes sense, after ``refused`` was refused.

        Raises:
            Unavailable: The loading was cancelled.
            Exception: Whatever the loading raised.
        """
        if self._load is None:
            return False
        if self._current() is not refused:
            return True  # somebody else renewed meanwhile
        if self._task is None or self._task.done():
            # In a task of its own: the first caller may be cancelled, the others go on waiting for it.
            self._task = self._context.copy().run(asyncio.get_running_loop().create_task, self._run(self._load))
            self._task.add_done_callback(_seen)
        task = self._task
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if being_cancelled() or not task.cancelled():
                raise
            raise Unavailable("loading the credentials again was cancelled") from None
        return True

    async def aclose(self) -> None:
        """Ends a renewal under way, and the calls on replaced channels."""
        task, self._task = self._task, None
        retired = dict(self._retired)
        tasks = [*retired.values(), *([task] if task is not None else [])]
        for one in tasks:
            one.cancel()
        for transport in retired:
            await transport.aclose()  # does nothing when its task has begun: that closes in its ``finally``
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, load: Callable[[], Awaitable[Config]]) -> None:
        old = self._replace(await load())
        # Calls under way on the old channel end in peace; none takes longer than `rpc_timeout`.
        closing = contextvars.Context().run(asyncio.get_running_loop().create_task, old.aclose(old.longest_call))
        self._retired[old] = closing
        closing.add_done_callback(lambda _: self._retired.pop(old, None))


def _seen(task: asyncio.Task[None]) -> None:
    """The exception reached those who waited; nobody did when all were cancelled, and that is no news."""
    if not task.cancelled():
        task.exception()


class Waiting:
    """Everybody who waits through one `AsyncClient`.

    Args:
        backend: Returns the backend to ask now; it changes when credentials are renewed.
        config: For the poll policy.
        renew: Awaited once after UNAUTHENTICATED, with the backend that was refused; returns whether asking again makes
            sense.
    """

    def __init__(
        self,
        backend: Callable[[], Backend],
        config: Config,
        *,
        renew: Callable[[Backend], Awaitable[bool]] | None = None,
    ) -> None:
        self._backend = backend
        self._config = config
        self._renew = renew
        self._polls: dict[tuple[asyncio.AbstractEventLoop, str, str, PollPolicy], _Poll] = {}

    async def wait(
        self,
        ref: RunRef,
        *,
        timeout: float | timedelta | None = None,
        poll_interval: float | timedelta | None = None,
    ) -> RunSnapshot:
        """The final snapshot of one run; asked about together with all others. Cancelling the caller harms nobody else.

        Raises:
            WaitTimeout: The run had not ended, after one last check.
            RunNotFound: No such run.
        """
        patience, interval = seconds(timeout), seconds(poll_interval, "poll_interval", positive=True)
        policy = self._config.poll if interval is None else PollPolicy.every(interval)
        key = (asyncio.get_running_loop(), ref.project, ref.domain, policy)
        poll = self._polls.get(key)
        if poll is None:
            poll = _Poll(
                self._backend,
                policy,
                ref.project,
                ref.domain,
                renew=self._renew,
                forget=lambda: self._polls.pop(key, None),
            )
            self._polls[key] = poll
        waiter = poll.join(ref.name)
        try:
            await asyncio.wait({waiter}, timeout=patience)
            if patience is not None and not waiter.done():
                trouble = await poll.look_once_more(ref.name, waiter)
                if not waiter.done():
                    raise timed_out(ref, patience, poll.last(ref.name), trouble) from trouble
            return waiter.result()
        finally:
            poll.leave(ref.name, waiter)

    async def wait_many(
        self,
        refs: Sequence[RunRef],
        *,
        timeout: float | timedelta | None = None,
        poll_interval: float | timedelta | None = None,
    ) -> list[RunSnapshot]:
        """Final snapshots of all these runs, in order. The first error ends the waiting for the others.

        Raises:
            WaitTimeout: Some were still running; names one of them.
            RunNotFound: One does not exist.
        """
        loop = asyncio.get_running_loop()
        waits = [loop.create_task(self.wait(ref, timeout=timeout, poll_interval=poll_interval)) for ref in refs]
        try:
            return list(await asyncio.gather(*waits))
        except WaitTimeout:
            # Their patience ends together: what the last checks of the others say counts too.
            outcomes = await asyncio.gather(*waits, return_exceptions=True)
            late = [error for error in outcomes if isinstance(error, WaitTimeout)]
            for error in outcomes:
                if isinstance(error, BaseException) and not isinstance(error, WaitTimeout):
                    raise error from None
            first, trouble = late[0], late[0].__cause__
            known = trouble if isinstance(trouble, BridgeError) else None
            raise timed_out(
                first.ref or refs[0], seconds(timeout) or 0.0, first.snapshot, known, others=len(late) - 1
            ) from known
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def aclose(self) -> None:
        """Stops polling; whoever still waits gets an error, at once, even when the closing is cancelled."""
        polls = list(self._polls.values())
        self._polls.clear()
        tasks = [task for poll in polls if (task := poll.stop()) is not None]
        await asyncio.gather(*tasks, return_exceptions=True)


class _Poll:
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
        self._watcher.hasten(name, self._loop.time())
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
        for name in names:
            for look, after in self._looks.get(name, {}).items():
                if after >= question:
                    self._watcher.hasten(name, self._loop.time())
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
        while names := self._watcher.take(begin):
            self._questions += 1
            question = self._questions
            try:
                if await self._ask_or_renew(names):
                    self._asked(names, question)
            except BridgeError as error:
                if not may_pass(error):
                    raise
                self.trouble = error
                for name in names:
                    self._watcher.postpone(name, self._loop.time(), 0.5)
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
            await ask(backend, self._watcher, place, names, self._settle, now=self._loop.time, chance=0.5)
        except Unauthenticated:
            if self._renewed or self._renew is None or not await self._renew(backend):
                raise
            self._renewed = True
            return False
        except asyncio.CancelledError:
            if being_cancelled():
                raise
            raise Unavailable(f"a question about runs of {self._project}/{self._domain} was cancelled") from None
        self.trouble, self._renewed = None, False
        return True

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
