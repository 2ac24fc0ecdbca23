"""The next fire time of five cron fields: robfig/cron v3's ``SpecSchedule.Next``, step for step.

Flyte's schedulers (Flyte 1 and 2) run robfig/cron. Its results around clock changes follow from the order of its steps
(spec.go), so this is that order: month, day, hour, minute, second, and back to the month whenever a field wraps. Two
shortcuts jump over hours and minutes that cannot match; they apply only while the zone's offset does not change.

What follows from it, stated as rules and tested in ``tests/schedules/test_dst.py``:

* A wall clock that is skipped does not fire that day; it is not moved.
* A wall clock that is repeated fires twice, an hour apart (half an hour on Lord Howe Island).
* Where midnight is skipped (São Paulo until 2018), ``0 0 * * *`` has no fire time that day.
* Where the shift is no whole hour (Lord Howe), the hour steps land on minute 30 that day: a time early in the first hour
  after the shift may be missed. Flyte misses it too.
* Where clocks change at midnight on the first of a month (Casablanca, June 2008), what robfig says depends on the moment it is
  asked about: coming from an earlier month it may pass over the first hour of a later one. So do we.
* A day that is left out (Samoa, 30 December 2011) does not fire. robfig itself never returns there; we step over it.
* Nothing within five calendar years: there is no next fire time (29 February over the year 2100).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .zones import date_to_epoch, local

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

__all__ = ["Calendar"]

_HORIZON_YEARS = 5  # spec.go: "If no time is found within five years, return zero."
_LONGEST = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_NOON = 12
_DAY = 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Which minutes, hours, days, months and weekdays match: bit n stands for value n."""

    minutes: int
    hours: int
    days: int
    months: int
    weekdays: int
    """Bit 0 is Sunday."""
    both_days: bool
    """A day must match day of month AND day of week: so when one of them is written ``*`` (or ``*/1``, ``?``). Else either
    will do."""

    @property
    def ever_fires(self) -> bool:
        """Whether there is such a day: 30 February is none."""
        if not self.both_days:
            return bool(self.weekdays)
        return any(
            self.months >> month & 1 and self.days & ((1 << (_LONGEST[month] + 1)) - 2) for month in range(1, 13)
        )

    @property
    def fields(self) -> str:
        """Five fields in explicit lists, which every cron reads alike."""
        minutes = _listed(self.minutes, 0, 59)
        hours = _listed(self.hours, 0, 23)
        days, weekdays = _listed(self.days, 1, 31), _listed(self.weekdays, 0, 6)
        if not self.both_days and "*" in (days, weekdays):
            days = weekdays = "*"  # either is enough, and one always is
        return f"{minutes} {hours} {days} {_listed(self.months, 1, 12)} {weekdays}"

    def day_matches(self, moment: datetime) -> bool:
        """Whether the schedule fires at all on this wall-clock day."""
        in_month = bool(self.days >> moment.day & 1)
        in_week = bool(self.weekdays >> (moment.isoweekday() % 7) & 1)
        return (in_month and in_week) if self.both_days else (in_month or in_week)

    def next_after(self, seconds: int, zone: ZoneInfo) -> int | None:
        """The first fire time later than `seconds`; None when there is none within five years."""
        return _Walk(self, zone, seconds + 1).run()


def _listed(mask: int, low: int, high: int) -> str:
    values = [value for value in range(low, high + 1) if mask >> value & 1]
    return "*" if len(values) == high - low + 1 else ",".join(map(str, values))


class _Walk:
    """robfig's loop. `at` and `clock` are one instant, as a number and as a wall clock."""

    __slots__ = ("added", "at", "calendar", "clock", "zone")

    def __init__(self, calendar: Calendar, zone: ZoneInfo, at: int) -> None:
        self.calendar = calendar
        self.zone = zone
        self.added = False
        self._to(at)

    def _to(self, at: int) -> None:
        self.at = at
        self.clock = local(at, self.zone)

    def _to_date(self, month: int, day: int, hour: int) -> None:
        clock = self.clock
        self._to(date_to_epoch(clock.year, month, day, self.zone, hour=hour))

    def run(self) -> int | None:
        limit = self.clock.year + _HORIZON_YEARS
        while self.clock.year <= limit:
            if self._month() and self._day() and self._hour() and self._minute() and self._second():
                return self.at
        return None

    def _month(self) -> bool:
        while not self.calendar.months >> self.clock.month & 1:
            if not self.added:
                self.added = True
                self._to_date(self.clock.month, 1, 0)
            self._add_date(months=1, days=0)
            if self.clock.month == 1:
                return False
        return True

    def _day(self) -> bool:
        while not self.calendar.day_matches(self.clock):
            if not self.added:
                self.added = True
                self._to_date(self.clock.month, self.clock.day, 0)
            before = self.at
            self._add_date(months=0, days=1)
            if (
                self.at <= before
            ):  # the next day is left out, and its midnight read as today's: robfig would loop for ever
                self._to(before + _DAY)
            if hour := self.clock.hour:  # midnight was skipped or repeated
                self._to(self.at + ((24 - hour) if hour > _NOON else -hour) * 3600)
            if self.clock.day == 1:
                return False
        return True

    def _add_date(self, *, months: int, days: int) -> None:
        clock = self.clock
        at = date_to_epoch(
            clock.year,
            clock.month + months,
            clock.day + days,
            self.zone,
            hour=clock.hour,
            minute=clock.minute,
            second=clock.second,
        )
        self._to(at)

    def _hour(self) -> bool:
        while not self.calendar.hours >> self.clock.hour & 1:
            if not self.added:
                self.added = True
                self._to_date(self.clock.month, self.clock.day, self.clock.hour)
            self._jump(self.calendar.hours, self.clock.hour, 24, 3600)
            if self.clock.hour == 0:
                return False
        return True

    def _minute(self) -> bool:
        while not self.calendar.minutes >> self.clock.minute & 1:
            if not self.added:
                self.added = True
                self._to(self.at - self.at % 60)
            self._jump(self.calendar.minutes, self.clock.minute, 60, 60)
            if self.clock.minute == 0:
                return False
        return True

    def _second(self) -> bool:
        if self.clock.second == 0:
            return True
        self._to(self.at + 60 - self.clock.second)
        return False

    def _jump(self, mask: int, value: int, size: int, unit: int) -> None:
        """To the next value that matches, or to the wrap; one unit only when the clock is changed on the way."""
        later = mask >> (value + 1)
        steps = (later & -later).bit_length() if later else size - value
        offset = self.clock.utcoffset()
        at = self.at
        self._to(at + steps * unit)
        if steps > 1 and self.clock.utcoffset() != offset:
            self._to(at + unit)
