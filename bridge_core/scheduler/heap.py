"""Which triggers are due: a heap, so that ten thousand that are not due cost nothing."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator

__all__ = ["DueHeap"]


class DueHeap:
    """Names by the second they are due. A name has one place; setting it again moves it."""

    def __init__(self, due: Iterable[tuple[int, str]] = ()) -> None:
        self._at = {name: at for at, name in due}
        self._heap = [(at, name) for name, at in self._at.items()]
        heapq.heapify(self._heap)

    def __len__(self) -> int:
        return len(self._at)

    def set(self, name: str, at: int | None) -> None:
        """Puts a name at a second; None takes it out."""
        if at is None:
            self._at.pop(name, None)
        elif self._at.get(name) != at:
            self._at[name] = at
            heapq.heappush(self._heap, (at, name))

    def take(self, now: float) -> Iterator[str]:
        """Takes out every name that is due."""
        while self._heap and self._heap[0][0] <= now:
            at, name = heapq.heappop(self._heap)
            if self._at.get(name) == at:
                del self._at[name]
                yield name

    def first(self) -> int | None:
        """When the next name is due."""
        while self._heap and self._at.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None
