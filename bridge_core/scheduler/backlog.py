"""`Backlog`: ticks that are decided and not settled, in memory. What it holds is in the store too; losing it loses nothing."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from bridge_core import RunRef

from .launcher import Outcome, Result
from .store import TickRow

__all__ = ["Backlog"]

_FIRST_DELAY, _LONGEST_DELAY = 1, 60
_QUEUE_POLL = 2
_DONE = {Outcome.LAUNCHED: "launched", Outcome.SKIPPED: "skipped", Outcome.FAILED: "failed"}


class Backlog:
    """Pending ticks by when they may be launched, and the runs of limited triggers that are going.

    Args:
        pending: Left over from an earlier leader.
        running: Runs of limited triggers that were not seen to end.
    """

    def __init__(self, pending: Iterable[TickRow] = (), running: Iterable[TickRow] = ()) -> None:
        self._waiting: dict[tuple[str, int], TickRow] = {}
        self._heap: list[tuple[int, int, str]] = []
        self._ticks: dict[str, set[int]] = {}
        self._blocked: dict[str, list[tuple[int, int, str]]] = {}
        self._under_way: set[tuple[str, int]] = set()
        self._busy: set[str] = set()
        self._tries: dict[tuple[str, int], int] = {}
        self._going: dict[str, dict[RunRef, TickRow]] = {}
        self._due: dict[tuple[str, int], int] = {}
        self._queued: set[str] = set()
        self._full = False
        for row in pending:
            self.add(row)
        for row in running:
            self._going.setdefault(row.trigger, {})[RunRef.parse(row.run)] = row

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, row: TickRow) -> None:
        """Takes a tick that was written down, or moves it."""
        self._waiting[row.trigger, row.tick] = row
        self._due.setdefault((row.trigger, row.tick), row.launch_at)
        self._ticks.setdefault(row.trigger, set()).add(row.tick)
        heapq.heappush(self._heap, (row.launch_at, row.tick, row.trigger))

    def keep_only(self, keys: Collection[tuple[str, int]]) -> None:
        """Forgets ticks that are no longer written down as pending; what is being launched stays until its result is there."""
        for key in [key for key in self._waiting if key not in keys and key not in self._under_way]:
            trigger, tick = key
            del self._waiting[key]
            self._ticks[trigger].discard(tick)
            self._tries.pop(key, None)
            self._due.pop(key, None)
            for place in self._blocked.pop(trigger, ()):
                heapq.heappush(self._heap, place)

    def going(self, trigger: str) -> tuple[RunRef, ...]:
        """Runs of a limited trigger that had not ended when last seen."""
        return tuple(self._going.get(trigger, ()))

    def next_due(self) -> int | None:
        """When the next tick may be launched; None when that depends on a result."""
        return None if self._full or not self._heap else self._heap[0][0]

    def overdue(self, now: int) -> int:
        """For how many seconds the oldest tick has been due; what waits for a concurrency limit waits on purpose."""
        due = (at for (trigger, _), at in self._due.items() if trigger not in self._queued)
        return max(0, now - min(due, default=now))

    def ready(self, now: int, parallelism: int, limited: Callable[[str], bool]) -> list[TickRow]:
        """Ticks to launch now, oldest first.

        Of a limited trigger one at a time and in order, for each must see the run before it; those behind it wait for its
        result. Before the pool there is only a short queue, so that stopping is quick.
        """
        out: list[TickRow] = []
        room = 4 * parallelism - len(self._under_way)
        while self._heap and self._heap[0][0] <= now and len(out) < room:
            place = heapq.heappop(self._heap)
            launch_at, tick, trigger = place
            key = (trigger, tick)
            row = self._waiting.get(key)
            if row is None or row.launch_at != launch_at or key in self._under_way:
                continue  # moved or settled meanwhile
            if limited(trigger):
                if trigger in self._busy or tick != min(self._ticks[trigger]):
                    self._blocked.setdefault(trigger, []).append(place)
                    continue
                self._busy.add(trigger)
            self._under_way.add(key)
            out.append(row)
        self._full = len(out) >= room
        return out

    def settle(self, result: Result, now: int, *, limited: bool) -> list[TickRow]:
        """Takes the result of an attempt; returns rows to write down."""
        key = (result.trigger, result.tick)
        self._under_way.discard(key)
        self._busy.discard(result.trigger)
        for place in self._blocked.pop(result.trigger, ()):
            heapq.heappush(self._heap, place)
        self._full = False
        if result.outcome is Outcome.WAITING:
            self._queued.add(result.trigger)
        else:
            self._queued.discard(result.trigger)
        rows = [
            replace(row, state="ended")
            for ref in result.ended
            if (row := self._going_pop(result.trigger, ref)) is not None
        ]
        row = self._waiting.get(key)
        if row is None:
            return rows
        if result.outcome in (Outcome.RETRY, Outcome.WAITING):
            tries = self._tries[key] = self._tries.get(key, 0) + 1
            delay = min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** min(tries - 1, 10))
            if result.outcome is Outcome.WAITING:
                delay = _QUEUE_POLL
            self.add(replace(row, launch_at=now + delay))
            return rows
        del self._waiting[key]
        self._ticks[result.trigger].discard(result.tick)
        self._tries.pop(key, None)
        self._due.pop(key, None)
        state = _DONE[result.outcome]
        if result.outcome is Outcome.LAUNCHED and limited:
            state = "running"
        settled = replace(row, state=state, run=str(result.run or ""), note=result.note[:1000])
        if state == "running" and result.run is not None:
            self._going.setdefault(result.trigger, {})[result.run] = settled
        return [*rows, settled]

    def _going_pop(self, trigger: str, ref: RunRef) -> TickRow | None:
        return self._going.get(trigger, {}).pop(ref, None)
