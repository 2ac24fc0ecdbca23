"""Runs that one blocking caller waits for together: `Client.wait_many`, `AsyncClient` has `shared_poll.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..model.errors import BridgeError
from .question import ask
from .timeouts import LAST_CHECK
from .watcher import RunWatcher

if TYPE_CHECKING:
    from ..backends.base import Backend
    from ..model.ids import RunRef
    from ..model.policies import PollPolicy
    from ..model.runs import RunSnapshot
    from ..transport.base import Transport

__all__ = ["BlockingWait"]


class BlockingWait:
    """Runs that one caller waits for together: what is known of them, and the next questions."""

    def __init__(self, backend: Backend, transport: Transport, poll: PollPolicy, refs: Sequence[RunRef]) -> None:
        self._backend = backend
        self._transport = transport
        self.left = list(dict.fromkeys(refs))
        self.done: dict[RunRef, RunSnapshot] = {}
        self.trouble: BridgeError | None = None
        self._groups: dict[tuple[str, str], RunWatcher] = {}
        for ref in self.left:
            self._groups.setdefault((ref.project, ref.domain), RunWatcher(poll)).add(ref.name, transport.now())

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
        self.left = [ref for ref in self.left if ref not in self.done]

    async def ask_once_more(self) -> None:
        """Asks about everything that is left, as long as answers come."""
        questions = [(place, watcher, names) for place, watcher in self._groups.items() for names in watcher.rest()]
        for place, watcher, names in questions:
            await self._ask(place, watcher, names, lambda: LAST_CHECK)
            if self.trouble is not None:
                break
        self.left = [ref for ref in self.left if ref not in self.done]

    async def _ask(
        self, place: tuple[str, str], watcher: RunWatcher, names: tuple[str, ...], left: Callable[[], float | None]
    ) -> None:
        def settle(name: str, outcome: RunSnapshot | BridgeError) -> None:
            if isinstance(outcome, BridgeError):
                raise outcome
            self.done[outcome.ref] = outcome
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
