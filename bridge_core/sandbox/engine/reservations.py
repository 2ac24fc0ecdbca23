"""``cache_serialize``: of tasks with the same cache key only one runs; the others wait and find its outputs in the cache.

FlyteAdmin's datacatalog keeps reservations for this (flytepropeller ``pkg/controller/nodes/cache.go``); here one process is all
there is. Used on the engine's loop only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Reservations"]


class Reservations:
    """Who computes what."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[str, object]] = {}
        self._waiting: dict[str, list[Callable[[], None]]] = {}

    def reserve(self, key: str, run: str, owner: object, again: Callable[[], None]) -> bool:
        """Takes a key, or has ``again`` called when it may be free.

        Args:
            key: The cache key.
            run: Key of the run; all that it holds is freed when it ends.
            owner: Who asks; asking twice is the same.
            again: Called once, when somebody freed the key. It must ask again: others may have been faster.
        """
        holder = self._held.setdefault(key, (run, owner))
        if holder[1] is owner:
            return True
        self._waiting.setdefault(key, []).append(again)
        return False

    def release(self, key: str, owner: object) -> None:
        """Frees a key, if this owner has it."""
        if key in self._held and self._held[key][1] is owner:
            del self._held[key]
            for again in self._waiting.pop(key, []):
                again()

    def release_run(self, run: str) -> None:
        """Frees what a run still has: it broke, and its tasks will not say that they ended."""
        for key, (holder, owner) in list(self._held.items()):
            if holder == run:
                self.release(key, owner)
