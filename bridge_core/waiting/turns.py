"""`Turns`: whose turn it is to be asked about. With ten thousand runs, looking through all of them for each question would cost
more than the questions do.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

__all__ = ["Turns"]

_SLACK = 1000
"""Entries that are out of date may stay until there are so many more of them than runs."""


class Turns:
    """When each of many names is due, and from when on it may go with others that are."""

    def __init__(self) -> None:
        self._of: dict[str, tuple[float, float]] = {}
        # Heaps. An entry that is not what `_of` says is out of date, and is dropped when it comes to the top.
        self._due: list[tuple[float, str]] = []
        self._soon: list[tuple[float, str]] = []
        self._given: dict[str, None] = {}
        """What `next` took out of the heaps, and nobody has `set` anew."""

    def set(self, name: str, due: float, soon: float) -> None:
        """Its next turn.

        Args:
            name: A new one, or one whose turn changes.
            due: When it is due.
            soon: From when on it may go with others; not later than ``due``.
        """
        self._of[name] = (due, soon)
        self._given.pop(name, None)
        if max(len(self._due), len(self._soon)) > 2 * len(self._of) + _SLACK:
            self._rebuild()
        else:
            self._push(name)

    def discard(self, name: str) -> None:
        """It has no turn any more."""
        self._of.pop(name, None)
        self._given.pop(name, None)

    def due(self, name: str) -> float:
        """When it is due."""
        return self._of[name][0]

    def soon(self, name: str) -> float:
        """From when on it may go with others."""
        return self._of[name][1]

    def first(self) -> float | None:
        """When the first is due; None when there is none."""
        self._take_back()
        return self._due[0][0] if self._due else None

    def next(self, now: float, most: int) -> tuple[str, ...]:
        """Those that are due, longest first; if there are any, and room, also those that may go with them.

        Nothing changes by that: who is not `set` anew has his turn still.
        """
        self._take_back()
        if not self._due or self._due[0][0] > now:
            return ()
        names: dict[str, None] = {}
        for which, heap in enumerate((self._due, self._soon)):
            while heap and heap[0][0] <= now and len(names) < most:
                at, name = heappop(heap)
                if self._is_true(name, which, at):
                    names[name] = None
        self._given = names
        return tuple(names)

    def _take_back(self) -> None:
        for name in self._given:
            self._push(name)
        self._given = {}
        for which, heap in enumerate((self._due, self._soon)):
            while heap and not self._is_true(heap[0][1], which, heap[0][0]):
                heappop(heap)

    def _is_true(self, name: str, which: int, at: float) -> bool:
        turn = self._of.get(name)
        return turn is not None and turn[which] == at

    def _push(self, name: str) -> None:
        due, soon = self._of[name]
        heappush(self._due, (due, name))
        heappush(self._soon, (soon, name))

    def _rebuild(self) -> None:
        self._due = [(due, name) for name, (due, _) in self._of.items()]
        self._soon = [(soon, name) for name, (_, soon) in self._of.items()]
        heapify(self._due)
        heapify(self._soon)
        self._given = {}
