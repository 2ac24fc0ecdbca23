"""Everybody who waits for runs through one `AsyncClient`: each awaits a plain Future, which a shared poll settles.

The loop, the Config and the credentials are the client's: one client has one `Waiters`, so a good and a bad credential
never share a poll.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from ..model.durations import seconds
from ..model.errors import BridgeError
from ..model.poll_policy import PollPolicy
from ..model.run_errors import WaitTimeout
from .shared_poll import SharedPoll
from .timeouts import timed_out

if TYPE_CHECKING:
    from datetime import timedelta

    from ..backends.base import Backend
    from ..config import Config
    from ..model.ids import RunRef
    from ..model.runs import RunSnapshot

__all__ = ["Waiters"]


class Waiters:
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
        self._polls: dict[tuple[asyncio.AbstractEventLoop, str, str, PollPolicy], SharedPoll] = {}

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
            poll = SharedPoll(
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

    def poll_age(self) -> float | None:
        """Seconds since Flyte last answered those who wait, of the place that waits longest; None when nobody waits."""
        now = asyncio.get_running_loop().time()
        return max((now - poll.answered for poll in self._polls.values()), default=None)

    async def aclose(self) -> None:
        """Stops polling; whoever still waits gets an error, at once, even when the closing is cancelled."""
        polls = list(self._polls.values())
        self._polls.clear()
        tasks = [task for poll in polls if (task := poll.stop()) is not None]
        await asyncio.gather(*tasks, return_exceptions=True)
