"""Which attempts of a lineage exist: attempt n + 1 is launched only after attempt n ended badly, so they have no gap.

That makes the newest one findable with some questions instead of one for each: a hundred dead attempts cost about a dozen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge_core import RunSnapshot

__all__ = ["newest_attempt"]


def newest_attempt(
    look: Callable[[int], RunSnapshot | None], known: int, snapshot: RunSnapshot, *, limit: int
) -> tuple[int, RunSnapshot]:
    """The newest attempt, with what it is doing.

    Args:
        look: The run of an attempt; None when there is none.
        known: An attempt that exists.
        snapshot: Its run.
        limit: Attempts are counted from 0 to below this.
    """
    step, missing = 1, limit
    while known + step < missing:
        found = look(known + step)
        if found is None:
            missing = known + step
            break
        known, snapshot, step = known + step, found, step * 2
    while missing - known > 1:
        middle = (known + missing) // 2
        found = look(middle)
        if found is None:
            missing = middle
        else:
            known, snapshot = middle, found
    return known, snapshot
