"""Runs that one blocking caller waits for together: `Client.wait_many`, `AsyncClient` has `shared_poll.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..model.errors import BridgeError
from ..model.ids import RunRef
from ..model.runs import RunSnapshot
from .poll_once import ask
from .timeouts import LAST_CHECK
from .watcher import RunWatcher

if TYPE_CHECKING:
    from ..backends.base import Backend
    from ..model.poll_policy import PollPolicy
    from ..transport.base import Transport

__all__ = ["BlockingWait"]


class BlockingWait:
    """Runs that one caller waits for together: what is known of them, and the next questions."""

    def __init__(
        self,
        backend: Backend,
        transport: Transport,
        poll: PollPolicy,
        refs: Sequence[RunRef],
        *,
        keep_errors: bool = False,
    ) -> None:
        self._backend = backend
        self._transport = transport
        self._poll = poll
        self._keep_errors = keep_errors
        self.left: list[RunRef] = []
        self.done: dict[RunRef, RunSnapshot] = {}
        self.failed: dict[RunRef, BridgeError] = {}
        """What cannot be waited for, with ``keep_errors``; without it the first such error is raised."""
        self.trouble: BridgeError | None = None
        self._groups: dict[tuple[str, str], RunWatcher] = {}
        for ref in dict.fromkeys(refs):
            self.add(ref)

    def add(self, ref: RunRef) -> None:
        """Waits for this run too, from now on."""
        watcher = self._groups.setdefault((ref.project, ref.domain), RunWatcher(self._poll))
        if ref.name not in watcher:
            watcher.add(ref.name, self._transport.now())
            self.left.append(ref)

    def due_in(self) -> float:
        """Seconds until something is due."""
        now = self._transport.now()
        return min(due for watcher in self._groups.values() if (due := watcher.due_in(now)) is not None)

    def last(self, ref: RunRef) -> RunSnapshot | None:
        """What is known of it."""
        return self._groups[ref.project, ref.domain].last(ref.name)

    async def ask(self, *, until: float | None) -> None:
        """Asks about what is due now, up to 200 runs in a call, until then; trouble that may pass is remembered."""
        begin = self._transport.now()  # what falls due while others are asked about must wait: this must end
        for place, watcher in self._groups.items():
            while (until is None or self._transport.now() < until) and (names := watcher.due(begin)):
                await self._ask(
                    place, watcher, names, lambda: None if until is None else max(0.0, until - self._transport.now())
                )
        self._settle()

    async def ask_once_more(self) -> None:
        """Asks about everything that is left, as long as answers come."""
        questions = [(place, watcher, names) for place, watcher in self._groups.items() for names in watcher.rest()]
        for place, watcher, names in questions:
            await self._ask(place, watcher, names, lambda: LAST_CHECK)
            if self.trouble is not None:
                break
        self._settle()

    def _settle(self) -> None:
        self.left = [ref for ref in self.left if ref not in self.done and ref not in self.failed]

    async def _ask(
        self, place: tuple[str, str], watcher: RunWatcher, names: tuple[str, ...], left: Callable[[], float | None]
    ) -> None:
        def settle(name: str, outcome: RunSnapshot | BridgeError) -> None:
            if isinstance(outcome, RunSnapshot):
                self.done[outcome.ref] = outcome
            elif self._keep_errors:
                self.failed[RunRef(*place, name)] = outcome
            else:
                raise outcome
            watcher.discard(name)

        self.trouble = await ask(
            self._backend,
            watcher,
            place,
            names,
            settle,
            now=self._transport.now,
            chance=self._transport.chance(),
            left=left,
        )
