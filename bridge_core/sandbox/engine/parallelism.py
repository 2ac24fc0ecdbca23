"""How many nodes of one run are at work at once: its ``max_parallelism``.

After flytepropeller ``nodes/executor.go`` (IsMaxParallelismAchieved).

Nodes of tasks, arrays and launch plans count, at any depth; the items of an array do not, and neither does a dynamic node whose
task has written its workflow. Who waits has no record yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Parallelism"]


class Parallelism:
    """The slots of one run. Used on the engine's loop only.

    Args:
        limit: How many there are; 0 for no limit.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: set[object] = set()
        self._waiting: dict[object, Callable[[], None]] = {}

    def take(self, owner: object, begin: Callable[[], None]) -> bool:
        """Takes a slot, or has ``begin`` called as soon as the owner has one."""
        if self._limit and len(self._held) >= self._limit:
            self._waiting[owner] = begin
            return False
        self._held.add(owner)
        return True

    def release(self, owner: object) -> bool:
        """Gives the slot to who waits longest, or stops waiting for one; whether the owner only waited."""
        if self._waiting.pop(owner, None) is not None:
            return True
        if owner in self._held:
            self._held.remove(owner)
            if self._waiting:
                following = next(iter(self._waiting))
                begin = self._waiting.pop(following)
                self._held.add(following)
                begin()
        return False
