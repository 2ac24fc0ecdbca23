"""One poll for every run waited on: drives `watcher.RunWatcher` on an event loop.

Rules, each learnt from a measured failure in a real Airflow triggerer:

* waiters await a plain Future, never a grpc.aio call: grpcio loses the cancel message that Airflow uses as its signal;
* the polling task starts in an empty context, or its logs land in the first trigger's log file;
* any error outside one run's own answer fails or retries *all* waiters: none hangs;
* a waiter removes itself in ``finally``; the poll survives the cancellation of any one waiter;
* ``sleep(0)`` between calls, so that ten thousand runs do not starve the loop.

The loop, the Config and the credentials are the client's: one client has one `Waiting`, so a good and a bad credential
never share a poll.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from .errors import BridgeError, Unauthenticated
from .ids import RunRef
from .patience import seconds, timed_out
from .policies import PollPolicy, may_pass
from .watcher import RunWatcher

if TYPE_CHECKING:
    from datetime import timedelta

    from .backends.base import Backend
    from .config import Config
    from .runs import RunSnapshot

__all__ = ["Waiting"]

log = logging.getLogger("bridge_core")

_LAST_CHECK = 5.0
"""Seconds that the one check after a caller's deadline may take."""

Waiter = asyncio.Future["RunSnapshot"]


class Waiting:
    """Everybody who waits through one `AsyncClient`.

    Args:
        backend: Returns the backend to ask now; it changes when credentials are renewed.
        config: For the poll policy.
        renew: Awaited once after UNAUTHENTICATED; returns whether asking again makes sense.
    """

    def __init__(
        self, backend: Callable[[], Backend], config: Config, *, renew: Callable[[], Awaitable[bool]] | None = None
    ) -> None:
        self._backend = backend
        self._config = config
        self._renew = renew
        self._polls: dict[tuple[str, str, PollPolicy], _Poll] = {}

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
        patience, interval = seconds(timeout), seconds(poll_interval)
        policy = self._config.poll if interval is None else PollPolicy.every(interval)
        key = (ref.project, ref.domain, policy)
        poll = self._polls.get(key)
        if poll is None or poll.stopped:
            poll = self._polls[key] = _Poll(self._backend, policy, ref.project, ref.domain, self._renew)
        waiter = poll.join(ref.name)
        try:
            return await asyncio.wait_for(waiter, patience)
        except TimeoutError:
            assert patience is not None
            trouble, last = poll.trouble, None
            try:
                last = await asyncio.wait_for(self._backend().describe(ref), _LAST_CHECK)
            except (TimeoutError, BridgeError) as error:
                trouble = error if isinstance(error, BridgeError) else trouble
            if last is not None and last.phase.is_terminal:
                return last
            raise timed_out(ref, patience, last, None if last else trouble) from None
        finally:
            poll.leave(ref.name, waiter)

    async def aclose(self) -> None:
        """Stops polling; whoever still waits gets an error."""
        for poll in self._polls.values():
            await poll.stop()
        self._polls.clear()


class _Poll:
    """The poll of one project and domain: a task that lives while somebody waits."""

    def __init__(
        self,
        backend: Callable[[], Backend],
        policy: PollPolicy,
        project: str,
        domain: str,
        renew: Callable[[], Awaitable[bool]] | None,
    ) -> None:
        self._backend = backend
        self._policy = policy
        self._project = project
        self._domain = domain
        self._renew = renew
        self._watcher = RunWatcher(policy)
        self._waiters: dict[str, set[Waiter]] = {}
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
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
        return waiter

    def leave(self, name: str, waiter: Waiter) -> None:
        """Nobody needs this future any more."""
        waiters = self._waiters.get(name)
        if waiters is None:
            return
        waiters.discard(waiter)
        if not waiters:
            del self._waiters[name]
            self._watcher.discard(name)
            self._wake.set()

    async def stop(self) -> None:
        """Ends the task; whoever still waits gets an error."""
        self.stopped = True
        task, self._task = self._task, None
        if task is not None and not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._fail_all(BridgeError(f"the client that waited for runs of {self._project}/{self._domain} was closed"))

    async def _run(self) -> None:
        renewed = False
        try:
            while self._waiters:
                try:
                    await self._round()
                    self.trouble, renewed = None, False
                except Unauthenticated:
                    if renewed or self._renew is None or not await self._renew():
                        raise
                    renewed = True
        except asyncio.CancelledError:
            raise
        except BridgeError as error:
            self._fail_all(error)
        except Exception as error:
            log.exception("the poll of %s/%s broke", self._project, self._domain)
            self._fail_all(BridgeError(f"waiting for runs of {self._project}/{self._domain} broke: {error!r}"))

    async def _round(self) -> None:
        """Asks about everything that is due, then sleeps until something is, or somebody joins or leaves."""
        while names := self._watcher.take(self._loop.time()):
            try:
                await self._ask(names)
                self.trouble = None
            except BridgeError as error:
                if not may_pass(error):
                    raise
                self.trouble = error
                log.info("waiting for %d runs of %s/%s: %s", len(names), self._project, self._domain, error)
                for name in names:
                    self._watcher.postpone(name, self._loop.time(), 0.5)
            await asyncio.sleep(0)
        due = self._watcher.due_in(self._loop.time())
        self._wake.clear()
        if due is None:
            return
        try:
            await asyncio.wait_for(self._wake.wait(), due)
        except TimeoutError:
            return

    async def _ask(self, names: tuple[str, ...]) -> None:
        backend = self._backend()
        phases = await backend.phases(self._project, self._domain, names)
        verdict = self._watcher.apply(names, phases, self._loop.time(), 0.5)
        for name in (*verdict.finished, *verdict.missing):
            try:
                snapshot = await backend.describe(RunRef(self._project, self._domain, name))
            except BridgeError as error:
                if may_pass(error) or isinstance(error, Unauthenticated):
                    raise
                self._settle(name, error)  # this run's own answer: it does not exist
                continue
            if snapshot.phase.is_terminal:
                self._settle(name, snapshot)
            await asyncio.sleep(0)

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
