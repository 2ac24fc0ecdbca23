"""`FixedRate`: every so many minutes, whatever the clock on the wall says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..model.errors import InvalidRequest
from ..model.public import public
from .durations import words
from .zones import aware, epoch, utc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["FixedRate", "next_tick", "previous_tick", "ticks_between"]

_LONGEST_MINUTES = 10 * 366 * 24 * 60
_SECOND = timedelta(seconds=1)


@public
@dataclass(frozen=True, slots=True, init=False)
class FixedRate:
    """A constant interval.

    With a `start_time`, ticks are the start and every interval after it. Without one, the first tick is one interval after
    activation (Flyte 2: ``runs/scheduler/core/schedule_time.go``; Flyte 1 the same): whoever schedules passes the time of
    activation as `anchor`; asked without one, it counts from the moment asked about.

    Attributes:
        interval_minutes: From 1 up; both Flytes count whole minutes. For seconds: ``Cron("@every 30s")``.
        start_time: Aware, whole seconds; the first tick.

    Example:
        >>> from datetime import UTC, datetime
        >>> FixedRate(15, start_time=datetime(2026, 1, 1, tzinfo=UTC)).next_after(datetime(2026, 1, 1, 0, 20, tzinfo=UTC)).minute
        30
    """

    interval_minutes: int
    start_time: datetime | None

    def __init__(
        self,
        interval_minutes: int | None = None,
        start_time: datetime | None = None,
        *,
        minutes: int | None = None,
    ) -> None:
        if interval_minutes is not None and minutes is not None:
            raise InvalidRequest(
                f"fixed rate: interval_minutes={interval_minutes} and minutes={minutes} say the same thing; give one"
            )
        interval = minutes if interval_minutes is None else interval_minutes
        if not isinstance(interval, int) or isinstance(interval, bool) or not 1 <= interval <= _LONGEST_MINUTES:
            raise InvalidRequest(
                f"fixed rate: interval_minutes must be a whole number from 1 to {_LONGEST_MINUTES}, got {interval!r}; write "
                "FixedRate(15) for every quarter of an hour, or Cron('@every 30s') for less than a minute"
            )
        if start_time is not None and aware(start_time, "fixed rate: start_time").microsecond:
            raise InvalidRequest(
                f"fixed rate: start_time {start_time.isoformat()} must be a whole second; write "
                f"{start_time.replace(microsecond=0).isoformat()}"
            )
        object.__setattr__(self, "interval_minutes", interval)
        object.__setattr__(self, "start_time", start_time)

    def __str__(self) -> str:
        since = f" from {self.start_time.isoformat()}" if self.start_time else ""
        return f"every {self.interval_minutes} min{since}"

    @property
    def interval(self) -> int:
        """Seconds."""
        return self.interval_minutes * 60

    def _first_and_anchor(self, anchor: datetime | None) -> int | None:
        """The tick before the first one: ticks lie whole intervals after it."""
        if self.start_time is not None:
            return epoch(self.start_time) - self.interval
        return None if anchor is None else epoch(aware(anchor, "anchor"))

    def next_after(self, moment: datetime, *, anchor: datetime | None = None) -> datetime:
        """The first tick later than `moment`.

        Args:
            moment: Aware.
            anchor: Time of activation, when there is no `start_time`. None: count from `moment`.
        """
        after = epoch(aware(moment, "next_after"))
        return utc(next_tick(self.interval, after, self._first_and_anchor(anchor)))

    def previous_before(self, moment: datetime, *, anchor: datetime | None = None) -> datetime | None:
        """The last tick earlier than `moment`; None before the first."""
        aware(moment, "previous_before")
        before = epoch(moment) + (1 if moment.microsecond else 0)
        tick = previous_tick(self.interval, before, self._first_and_anchor(anchor))
        return None if tick is None else utc(tick)

    def between(self, start: datetime, end: datetime, *, anchor: datetime | None = None) -> Iterator[datetime]:
        """Ticks from `start` up to but without `end`. With neither start_time nor anchor, `start` is the activation."""
        anchored = start if anchor is None else anchor
        return ticks_between(lambda moment: self.next_after(moment, anchor=anchored), start, end)

    def describe(self) -> str:
        """What it means, in a sentence."""
        since = f", first at {self.start_time.isoformat()}" if self.start_time else ", counted from activation"
        return f"every {words(self.interval)}{since}"


def next_tick(interval: int, after: int, anchor: int | None) -> int:
    """The first of ``anchor + n * interval`` (n from 1) later than `after`; ``after + interval`` without an anchor."""
    if anchor is None:
        return after + interval
    return anchor + interval * max(1, (after - anchor) // interval + 1)


def previous_tick(interval: int, before: int, anchor: int | None) -> int | None:
    """The last of ``anchor + n * interval`` (n from 1) earlier than `before`; ``before - interval`` without an anchor."""
    if anchor is None:
        return before - interval
    steps = (before - anchor - 1) // interval
    return anchor + interval * steps if steps >= 1 else None


def ticks_between(
    next_after: Callable[[datetime], datetime | None], start: datetime, end: datetime
) -> Iterator[datetime]:
    """Follows `next_after` from just before `start` until `end`.

    Raises:
        InvalidRequest: The end is before the start.
    """
    if aware(end, "between: end") < aware(start, "between: start"):
        raise InvalidRequest(
            f"between: the end {end.isoformat()} is before the start {start.isoformat()}; give the earlier one first"
        )

    def ticks() -> Iterator[datetime]:
        moment = next_after(start - _SECOND if not start.microsecond else start)
        while moment is not None and moment < end:
            yield moment
            moment = next_after(moment)

    return ticks()
