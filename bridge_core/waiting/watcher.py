"""`RunWatcher`: who waits, what to ask next, what an answer means. Pure: no I/O, no clock, no loop.

`Client.wait_many` drives it blocking (`blocking.py`), `AsyncClient` drives one per loop for everybody (`shared_poll.py`); both
ask through `poll_once.ask`. All runs of one project and domain are asked about in one call, up to 200 names each.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..model.runs import read_whole
from .turns import Turns

if TYPE_CHECKING:
    from ..model.poll_policy import PollPolicy
    from ..model.runs import RunSnapshot

__all__ = ["NAMES_PER_CALL", "RunWatcher", "Verdict"]

NAMES_PER_CALL = 200
"""Names in one question: 200 make a request of about 4 kB, and FlyteAdmin puts no limit on it."""

_TOGETHER = 0.25
"""Runs whose turn comes within this share of the poll interval are asked about now: one call instead of many."""


@dataclass(slots=True)
class _Watched:
    since: float
    rate: float
    """How often per second its age deserves a question."""
    last: RunSnapshot | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one answer means."""

    finished: tuple[str, ...]
    """Runs in a terminal phase: describe each once."""
    missing: tuple[str, ...]
    """Asked about and not in the answer: archived or gone; describe each to learn which."""


class RunWatcher:
    """Runs of one project and domain that somebody waits for."""

    def __init__(self, poll: PollPolicy) -> None:
        self._poll = poll
        self._runs: dict[str, _Watched] = {}
        self._turns = Turns()
        self._rate = 0.0
        """The sum of theirs."""

    def __len__(self) -> int:
        return len(self._runs)

    def __contains__(self, name: str) -> bool:
        return name in self._runs

    def add(self, name: str, now: float) -> None:
        """Someone waits for this run from now on; it is due at once. Nothing happens when it is watched already."""
        if name not in self._runs:
            self._runs[name] = run = _Watched(since=now, rate=1 / self._poll.delay(0.0, 0.5))
            self._rate += run.rate
            self._turns.set(name, now, now)

    def discard(self, name: str) -> None:
        """Nobody waits for it any more."""
        run = self._runs.pop(name, None)
        if run is not None:
            self._rate = self._rate - run.rate if self._runs else 0.0
            self._turns.discard(name)

    def make_due(self, name: str, now: float) -> None:
        """It is due at once."""
        if name in self._runs:
            self._turns.set(name, min(self._turns.due(name), now), min(self._turns.soon(name), now))

    def record(self, name: str, snapshot: RunSnapshot) -> None:
        """News of it, from elsewhere than `apply`."""
        run = self._runs.get(name)
        if run is not None:
            run.last = snapshot

    def last(self, name: str) -> RunSnapshot | None:
        """What was last heard of it."""
        run = self._runs.get(name)
        return run.last if run is not None else None

    def due_in(self, now: float) -> float | None:
        """Seconds until something is due; None when nothing is watched."""
        first = self._turns.first()
        return None if first is None else max(0.0, first - now)

    def due(self, now: float) -> tuple[str, ...]:
        """Names to ask about now: those due, with those that would be soon; at most `NAMES_PER_CALL`."""
        return self._turns.next(now, NAMES_PER_CALL)

    def rest(self) -> list[tuple[str, ...]]:
        """All names, due or not, in chunks of `NAMES_PER_CALL`: for one last question."""
        names = tuple(self._runs)
        return [names[start : start + NAMES_PER_CALL] for start in range(0, len(names), NAMES_PER_CALL)]

    def apply(self, asked: Collection[str], found: Mapping[str, RunSnapshot], now: float, chance: float) -> Verdict:
        """Takes an answer in: decides who is finished, and when the others are due again.

        Args:
            asked: What `due` returned.
            found: The answer; names that nobody asked about are ignored.
            now: Monotonic seconds.
            chance: Random number from 0 to 1, for jitter.
        """
        finished, missing = [], []
        for name in asked:
            if (run := self._runs.get(name)) is None:
                continue
            news = found.get(name)
            if news is None:
                missing.append(name)
            elif news.phase.is_terminal:
                finished.append(name)
            # Else most of ten thousand runs would be read anew each time, to say the same.
            if news is not None and (run.last is None or run.last.phase is not news.phase):
                run.last = read_whole(news)
            self.postpone(name, now, chance)
        return Verdict(finished=tuple(finished), missing=tuple(missing))

    def postpone(self, name: str, now: float, chance: float) -> None:
        """Nothing new about this run: its next turn comes after the policy's delay for its age; later, when there are many."""
        run = self._runs.get(name)
        if run is None:
            return
        delay = self._poll.delay(now - run.since, chance)
        self._rate += 1 / delay - run.rate
        run.rate = 1 / delay
        delay = self._poll.among(delay, len(self._runs), self._rate)
        self._turns.set(name, now + delay, now + delay * (1 - _TOGETHER))

    def postpone_all(self, names: Collection[str], now: float, chance: float) -> None:
        """`postpone` for each: they could not be asked about."""
        for name in names:
            self.postpone(name, now, chance)
