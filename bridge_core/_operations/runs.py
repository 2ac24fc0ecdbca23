"""Verbs on a run that exists: describe, wait, abort, console."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from ..errors import BridgeError, ConfigError
from ..ids import RunRef
from ..patience import LAST_CHECK, seconds, timed_out
from ..policies import PollPolicy, may_pass
from ..watcher import RunWatcher

if TYPE_CHECKING:
    from ..backends.base import Backend
    from ..config import Config
    from ..runs import RunQuery, RunSnapshot
    from ..transport.base import Transport

__all__ = ["RunOperations", "default_abort_reason"]

log = logging.getLogger("bridge_core")


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
        await self._backend.abort(ref, reason or default_abort_reason())

    async def archive(self, ref: RunRef, *, archived: bool = True) -> None:
        """Hides the run from lists, or shows it again."""
        await self._backend.archive(ref, archived=archived)

    def list_runs(
        self, project: str | None, domain: str | None, query: RunQuery, limit: int
    ) -> AsyncIterator[RunSnapshot]:
        """Runs of one project and domain, page by page as they are consumed."""
        project, domain = project or self._config.project, domain or self._config.domain
        if not project or not domain:
            raise ConfigError(
                "list_runs: no project or no domain; give project= and domain=, or set them in the Config"
            )
        return self._backend.lists.runs(project, domain, query, limit)

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
        poll, patience = self._poll(poll_interval), seconds(timeout)
        begin = self._transport.now()
        last: RunSnapshot | None = None
        trouble: BridgeError | None = None
        while True:
            left = None if patience is None else max(patience - (self._transport.now() - begin), LAST_CHECK)
            try:
                snapshot = await self._backend.describe(ref, timeout=left)
            except BridgeError as error:
                if not may_pass(error):
                    raise
                if trouble is None:  # once per outage: whoever waits for hours must see why nothing happens
                    log.warning("waiting for run %s: %s It is asked again until it answers.", ref, error)
                trouble = error
            else:
                if trouble is not None:
                    log.warning("waiting for run %s: Flyte answers again", ref)
                trouble = None
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
        poll, patience = self._poll(poll_interval), seconds(timeout)
        begin = self._transport.now()
        many = _Many(self._backend, self._transport, poll, refs)
        while many.left:
            waited = self._transport.now() - begin
            last = patience is not None and waited >= patience
            limit = None if patience is None else max(patience - waited, LAST_CHECK)
            await many.ask(everything=last, timeout=limit)
            if last and many.left:
                assert patience is not None
                ref, *others = many.left
                raise timed_out(ref, patience, many.seen.get(ref), many.trouble, others=len(others))
            if many.left and not last:
                waited = self._transport.now() - begin
                await self._transport.sleep(
                    min(many.due_in(), *([] if patience is None else [max(0.0, patience - waited)]))
                )
        return [many.done[ref] for ref in refs]

    def _poll(self, interval: float | timedelta | None) -> PollPolicy:
        every = seconds(interval, "poll_interval", positive=True)
        return self._config.poll if every is None else PollPolicy.every(every)


class _Many:
    """Runs that one caller waits for together: what is known of them, and the next questions."""

    def __init__(self, backend: Backend, transport: Transport, poll: PollPolicy, refs: Sequence[RunRef]) -> None:
        self._backend = backend
        self._transport = transport
        self.left = list(dict.fromkeys(refs))
        self.done: dict[RunRef, RunSnapshot] = {}
        self.seen: dict[RunRef, RunSnapshot] = {}
        self.trouble: BridgeError | None = None
        self._groups: dict[tuple[str, str], RunWatcher] = {}
        for ref in self.left:
            self._groups.setdefault((ref.project, ref.domain), RunWatcher(poll)).add(ref.name, transport.now())

    def due_in(self) -> float:
        """Seconds until something is due."""
        now = self._transport.now()
        return min(due for watcher in self._groups.values() if (due := watcher.due_in(now)) is not None)

    async def ask(self, *, everything: bool, timeout: float | None) -> None:
        """Asks about what is due (or everything), up to 200 runs in a call; trouble that may pass is remembered."""
        for place, watcher in self._groups.items():
            for names in watcher.rest() if everything else self._due(watcher):
                try:
                    await self._ask(place, watcher, names, timeout)
                    self.trouble = None
                except BridgeError as error:
                    if not may_pass(error):
                        raise
                    self.trouble = error
                    for name in names:
                        watcher.postpone(name, self._transport.now(), self._transport.chance())
        self.left = [ref for ref in self.left if ref not in self.done]

    def _due(self, watcher: RunWatcher) -> Iterator[tuple[str, ...]]:
        while names := watcher.take(self._transport.now()):
            yield names

    async def _ask(
        self, place: tuple[str, str], watcher: RunWatcher, names: tuple[str, ...], timeout: float | None
    ) -> None:
        """One question; then one detail call for each run that ended, or that the list does not show."""
        phases = await self._backend.phases(*place, names, timeout=timeout)
        verdict = watcher.apply(names, phases, self._transport.now(), self._transport.chance())
        for name in (*verdict.finished, *verdict.missing):
            snapshot = await self._backend.describe(RunRef(*place, name), timeout=timeout)
            self.seen[snapshot.ref] = snapshot
            if snapshot.phase.is_terminal:
                self.done[snapshot.ref] = snapshot  # first: a later question of this round may fail
                watcher.discard(name)


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
