"""Verbs on a run that exists: describe, wait, abort, console."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from ..model.arguments import count, flags, instance, texts
from ..model.durations import seconds
from ..model.errors import BridgeError, ConfigError
from ..model.ids import RunRef
from ..model.poll_policy import PollPolicy
from ..model.retry_policy import may_pass
from ..waiting.timeouts import LAST_CHECK, Outage, timed_out

if TYPE_CHECKING:
    from ..backends.base import Backend
    from ..config import Config
    from ..model.run_query import RunQuery
    from ..model.runs import RunSnapshot
    from ..transport.base import Transport

__all__ = ["RunOperations", "default_abort_reason", "poll_of"]


class RunOperations:
    """The verbs that look at runs or end them."""

    def __init__(self, backend: Backend, transport: Transport, config: Config) -> None:
        self._backend = backend
        self._transport = transport
        self._config = config

    async def describe(self, ref: RunRef) -> RunSnapshot:
        """The run as it is now."""
        return await self._backend.describe(ref)

    async def abort(self, ref: RunRef, *, reason: str | None = None) -> None:
        """Aborts the run; one that has ended stays as it is, and that is success."""
        texts(reason=reason)
        await self._backend.abort(ref, reason or default_abort_reason())

    async def archive(self, ref: RunRef, *, archived: bool = True) -> None:
        """Hides the run from lists, or shows it again."""
        flags(archived=archived)
        await self._backend.archive(ref, archived=archived)

    def list_runs(
        self, project: str | None, domain: str | None, query: RunQuery | None, limit: int
    ) -> AsyncIterator[RunSnapshot]:
        """Runs of one project and domain, page by page as they are consumed."""
        from ..model.run_query import RunQuery

        texts(project=project, domain=domain)
        count(limit=limit)
        instance("query", query, RunQuery, "a RunQuery(…)")
        project, domain = project or self._config.project, domain or self._config.domain
        if not project or not domain:
            raise ConfigError(
                "list_runs: no project or no domain; give project= and domain= (--project, --domain), or set them in the Config"
            )
        return self._backend.lists.runs(project, domain, query or RunQuery(), limit)

    async def wait(
        self,
        ref: RunRef,
        *,
        timeout: float | timedelta | None = None,
        poll_interval: float | timedelta | None = None,
    ) -> RunSnapshot:
        """The final snapshot of one run. An unreachable Flyte is asked again until the timeout."""
        last: RunSnapshot | None = None
        async for snapshot in self.watch(ref, timeout=timeout, poll_interval=poll_interval):
            last = snapshot
        assert last is not None
        return last

    async def watch(
        self,
        ref: RunRef,
        *,
        timeout: float | timedelta | None = None,
        poll_interval: float | timedelta | None = None,
    ) -> AsyncIterator[RunSnapshot]:
        """A snapshot whenever the phase changed; the final one last."""
        poll, patience = poll_of(self._config, poll_interval), seconds(timeout)
        begin = self._transport.now()
        last: RunSnapshot | None = None
        trouble: BridgeError | None = None
        outage = Outage(f"run {ref}")
        while True:
            left = None if patience is None else max(patience - (self._transport.now() - begin), LAST_CHECK)
            try:
                snapshot = await self._backend.describe(ref, timeout=left)
            except BridgeError as error:
                if not may_pass(error):
                    raise
                trouble = error
                outage.tell(trouble)
            else:
                trouble = None
                outage.tell(trouble)
                if last is None or snapshot.phase is not last.phase:
                    yield snapshot
                last = snapshot
                if snapshot.phase.is_terminal:
                    return
            waited = self._transport.now() - begin
            if patience is not None and waited >= patience:
                raise timed_out(ref, patience, last, trouble)
            delay = poll.delay(waited, self._transport.chance())
            await self._transport.sleep(delay if patience is None else min(delay, patience - waited))

    async def wait_many(
        self,
        refs: Sequence[RunRef],
        *,
        timeout: float | timedelta | None = None,
        poll_interval: float | timedelta | None = None,
    ) -> list[RunSnapshot]:
        """Final snapshots of all these runs, in order, asking about all of them at once.

        Raises:
            WaitTimeout: Some were still running; names one of them.
            RunNotFound: One does not exist.
        """
        from ..waiting.blocking import BlockingWait

        poll, patience = poll_of(self._config, poll_interval), seconds(timeout)
        begin = self._transport.now()
        waits = BlockingWait(self._backend, self._transport, poll, refs)
        end = None if patience is None else begin + patience
        outage = Outage(f"{len(waits.left)} run{'s' * (len(waits.left) != 1)}")
        while waits.left:
            if end is not None and self._transport.now() >= end:
                await waits.ask_once_more()
                if waits.left:
                    ref, *others = waits.left
                    raise timed_out(ref, end - begin, waits.last(ref), waits.trouble, others=len(others))
                break
            await waits.ask(until=end)
            left = math.inf if end is None else end - self._transport.now()
            if left > 0:  # else it may be the caller's patience that cut the last question short
                outage.tell(waits.trouble)
                if waits.left:
                    await self._transport.sleep(min(waits.due_in(), left))
        return [waits.done[ref] for ref in refs]


def poll_of(config: Config, interval: float | timedelta | None) -> PollPolicy:
    """How often to ask: the caller's fixed interval, else the configured policy."""
    every = seconds(interval, "poll_interval", positive=True)
    return config.poll if every is None else PollPolicy.every(every)


def default_abort_reason() -> str:
    """Names the caller: who, where, which process."""
    import getpass
    import os
    import socket

    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # no such user in the password database, as in many containers
        user = f"uid {os.getuid()}"
    return f"aborted through flyte-bridge by {user}@{socket.gethostname()} (pid {os.getpid()})"
