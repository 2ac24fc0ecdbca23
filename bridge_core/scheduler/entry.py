"""`Entry`: a trigger, and what the runner does when life gets in the way: missed ticks, overlaps, jitter, a window of life."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bridge_core import InvalidRequest, Trigger

__all__ = ["Entry", "Missed", "Overlap"]


class Missed(enum.Enum):
    """Which of the ticks that passed while nobody looked are launched late."""

    ALL = "all"
    LATEST = "latest"
    NONE = "none"


class Overlap(enum.Enum):
    """What a tick does while `Entry.max_concurrency` runs of its trigger are going."""

    SKIP = "skip"
    QUEUE = "queue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One trigger in the care of the runner.

    Attributes:
        trigger: When and what.
        missed: What becomes of ticks that are more than `grace` late. Ticks that are less late are always launched.
        missed_window: Older ticks than this are never launched, in seconds.
        missed_cap: With ``all``: at most so many, the newest.
        grace: How late a tick is still on time, in seconds.
        jitter: Launches are spread over so many seconds after the tick; each tick has its own place, the same after a
            restart. The tick itself, and `TriggerTime`, stay what they are.
        max_concurrency: At most so many runs of this trigger at once; None for no limit.
        overlap: What a tick does when the limit is reached.
        start: No tick before this.
        end: No tick from this on.
        paused: Passes its ticks over, as ``scheduler pause`` does.
    """

    trigger: Trigger
    missed: Missed = Missed.LATEST
    missed_window: int = 86400
    missed_cap: int = 1000
    grace: int = 60
    jitter: int = 0
    max_concurrency: int | None = None
    overlap: Overlap = Overlap.SKIP
    start: datetime | None = None
    end: datetime | None = None
    paused: bool = False

    def __post_init__(self) -> None:
        where = f"trigger {self.trigger.name!r}"
        if self.trigger.automation is None:
            raise InvalidRequest(f"{where}: has no schedule; give it a cron, every or interval_minutes")
        for field, low in (("missed_window", 0), ("missed_cap", 1), ("grace", 0), ("jitter", 0)):
            value = getattr(self, field)
            if not isinstance(value, int) or isinstance(value, bool) or value < low:
                raise InvalidRequest(f"{where}: {field} must be a whole number from {low} up, got {value!r}")
        limit = self.max_concurrency
        if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
            raise InvalidRequest(
                f"{where}: max_concurrency must be a whole number from 1 up, got {limit!r}; leave it out for no limit"
            )
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise InvalidRequest(
                f"{where}: end {self.end.isoformat()} is not after start {self.start.isoformat()}; it would never fire: give "
                "a later end, or none"
            )

    @property
    def name(self) -> str:
        """The trigger's."""
        return self.trigger.name

    @property
    def fingerprint(self) -> str:
        """Changes when the schedule does: the runner then starts it anew and launches nothing of the past."""
        return hashlib.sha256(repr(self.trigger.automation).encode()).hexdigest()[:16]

    def next_after(self, moment: int, anchor: int) -> int | None:
        """The first tick later than `moment`, in seconds since 1970, inside start and end."""
        at = _utc(moment)
        if self.start is not None and at < self.start:
            at = self.start - timedelta(seconds=1)
        tick = self.trigger.next_after(at, anchor=_utc(anchor))
        if tick is None or (self.end is not None and tick >= self.end):
            return None
        return int(tick.timestamp())

    def due(self, cursor: int, now: int, anchor: int) -> list[int]:
        """The ticks to launch now: later than `cursor`, up to `now`, oldest first; what is not among them is passed over.

        Goes back from now, so that a year of missed seconds costs no more than `missed_cap` steps.
        """
        ticks: list[int] = []
        moment, late = _utc(now + 1), 0
        while True:
            tick = self.trigger.previous_before(moment, anchor=_utc(anchor))
            if (
                tick is None
                or (at := int(tick.timestamp())) <= cursor
                or (self.start is not None and tick < self.start)
            ):
                break
            moment = tick
            if self.end is not None and tick >= self.end:
                continue
            if now - at > self.grace:
                if self.missed is Missed.NONE or now - at > self.missed_window or late >= self.missed_cap:
                    break
                if self.missed is Missed.LATEST and ticks:
                    break
                late += 1
            ticks.append(at)
        return ticks[::-1]

    def launch_at(self, tick: int) -> int:
        """The tick with its jitter: drawn from trigger and tick, so that a restart draws the same."""
        if not self.jitter:
            return tick
        digest = hashlib.sha256(f"{self.name}\0{tick}".encode()).digest()
        return tick + int.from_bytes(digest[:4], "big") % (self.jitter + 1)


def _utc(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
