"""What a scheduler is about to do and has done, read from its file and its state: no running scheduler is asked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from .plan import AHEAD

if TYPE_CHECKING:
    from .file import TriggerFile
    from .store import Store

__all__ = ["status", "upcoming"]


def status(file: TriggerFile, store: Store, now: int) -> list[dict[str, Any]]:
    """One row per trigger: schedule, next tick, last tick and what became of it, ticks that wait."""
    rows = store.triggers()
    waiting: dict[str, int] = {}
    for tick in store.ticks("pending"):
        waiting[tick.trigger] = waiting.get(tick.trigger, 0) + 1
    out = []
    for entry in file.entries:
        row = rows.get(entry.name)
        paused = entry.paused or (row is not None and row.paused)
        last = next(iter(store.ticks(trigger=entry.name, limit=1)), None)
        until = max(row.cursor, row.anchor) if row is not None else now
        ahead = until - now > AHEAD
        after = entry.next_after(max(now, row.cursor if row else now), row.anchor if row else now)
        out.append(
            {
                "trigger": entry.name,
                "when": entry.trigger.automation.describe() if entry.trigger.automation else "",
                "state": "paused" if paused else "ahead" if ahead else "active" if row is not None else "never run",
                "decided_until": _moment(until) if ahead else None,
                "next": None if paused or after is None else _moment(after),
                "last": _moment(last.tick) if last else None,
                "last_state": last.state if last else None,
                "last_run": (last.run or None) if last else None,
                "note": (last.note or None) if last else None,
                "waiting": waiting.get(entry.name, 0),
            }
        )
    return out


def upcoming(file: TriggerFile, store: Store | None, now: int, count: int) -> list[tuple[datetime, str]]:
    """The next ticks of all triggers together, in order."""
    import heapq

    rows = store.triggers() if store is not None else {}
    heap: list[tuple[int, str, int]] = []
    entries = {entry.name: entry for entry in file.entries}
    for entry in file.entries:
        row = rows.get(entry.name)
        anchor = row.anchor if row else now
        if entry.paused or (row is not None and row.paused):
            continue
        if (tick := entry.next_after(max(now, row.cursor if row else now), anchor)) is not None:
            heap.append((tick, entry.name, anchor))
    heapq.heapify(heap)
    out: list[tuple[datetime, str]] = []
    while heap and len(out) < count:
        tick, name, anchor = heapq.heappop(heap)
        out.append((_moment(tick), name))
        if (after := entries[name].next_after(tick, anchor)) is not None:
            heapq.heappush(heap, (after, name, anchor))
    return out


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
