"""`Plan`: the runner's memory while it leads: which ticks are due, and up to where each trigger is decided. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .entry import Entry
from .heap import DueHeap
from .store import TickRow, TriggerRow

__all__ = ["AHEAD", "Decision", "Plan"]

AHEAD = 60
"""Seconds that a cursor may be in the future: what an adjusted clock makes of one. More means that a clock was wrong."""


@dataclass(slots=True)
class _Place:
    """Where one trigger stands."""

    entry: Entry
    anchor: int
    cursor: int


@dataclass(slots=True)
class Decision:
    """What to write down before anything is launched."""

    cursors: list[tuple[str, int, int]] = field(default_factory=list)
    """Trigger, where it stood, where it stands now."""
    ticks: list[TickRow] = field(default_factory=list)
    passed_over: list[tuple[Entry, int, int | None]] = field(default_factory=list)
    """Whose policy left ticks out: the first of them, and the first that is launched after them."""


class Plan:
    """Triggers and their next ticks.

    The cursor only ever moves forward: a wall clock that jumps back finds its ticks decided, and one that jumps forward finds
    many ticks due at once, to which the policy for missed ticks applies.
    """

    def __init__(self) -> None:
        self._places: dict[str, _Place] = {}
        self._heap = DueHeap()
        self._latest = 0

    def __len__(self) -> int:
        return len(self._places)

    def entry(self, name: str) -> Entry | None:
        """The entry of that name, if the file still has it."""
        place = self._places.get(name)
        return place.entry if place else None

    def load(self, entries: Iterable[Entry], rows: Mapping[str, TriggerRow], now: int) -> list[TriggerRow]:
        """Takes the entries of a file; rows that the store must learn are returned.

        A trigger that is new, or whose schedule is not the one the store knows, begins now: nothing of the past is launched.
        One that stays keeps its place.
        """
        places: dict[str, _Place] = {}
        fresh: list[TriggerRow] = []
        for entry in entries:
            row = rows.get(entry.name)
            if row is None or row.fingerprint != entry.fingerprint:
                row = TriggerRow(name=entry.name, fingerprint=entry.fingerprint, anchor=now, cursor=now)
                fresh.append(row)
            places[entry.name] = _Place(entry, row.anchor, row.cursor)
        self._places = places
        self._latest = max((max(place.cursor, place.anchor) for place in places.values()), default=0)
        due = ((self._next(place), name) for name, place in places.items())
        self._heap = DueHeap((at, name) for at, name in due if at is not None)
        return fresh

    def decide(self, now: int, paused: frozenset[str]) -> Decision:
        """Everything that is due, by policy; moves the cursors."""
        out = Decision()
        for name in list(self._heap.take(now)):
            place = self._places[name]
            entry = place.entry
            if entry.paused or name in paused:
                ticks = []
            else:
                ticks = entry.due(place.cursor, now, place.anchor)
                first = entry.next_after(place.cursor, place.anchor)
                if first is not None and first <= now and ticks[:1] != [first]:
                    out.passed_over.append((entry, first, ticks[0] if ticks else None))
            before, place.cursor = place.cursor, max(place.cursor, now)
            self._latest = max(self._latest, place.cursor)
            out.cursors.append((name, before, place.cursor))
            out.ticks += [
                TickRow(trigger=name, tick=tick, state="pending", launch_at=entry.launch_at(tick)) for tick in ticks
            ]
            self._heap.set(name, self._next(place))
        return out

    def next_due(self) -> int | None:
        """When something is due next."""
        return self._heap.first()

    def ahead(self, now: int) -> tuple[int, int]:
        """How many triggers are decided up to a moment in the future, and the latest such moment: they are silent until then."""
        if self._latest - now <= AHEAD:
            return 0, now
        until = [at for place in self._places.values() if (at := max(place.cursor, place.anchor)) - now > AHEAD]
        return len(until), max(until, default=now)

    def upcoming(self) -> Iterable[tuple[Entry, int, int]]:
        """Every entry with its anchor and cursor."""
        for place in self._places.values():
            yield place.entry, place.anchor, place.cursor

    @staticmethod
    def _next(place: _Place) -> int | None:
        return place.entry.next_after(place.cursor, place.anchor)
