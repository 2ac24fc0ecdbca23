"""`Cron`: when, as Flyte's servers read it. Pure arithmetic; the zone is explicit and nothing looks at a clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from ..model.errors import InvalidRequest
from ..model.public import public
from .calendar import Calendar
from .durations import words
from .expression import parse, split_zone
from .words import describe_calendar
from .zones import aware, date_to_epoch, epoch, load_zone, local, utc

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from zoneinfo import ZoneInfo

__all__ = ["Cron"]

_DAY = 86400
_LOOK_BACK_YEARS = 9  # 29 February over the year 2100


@public
@dataclass(frozen=True, slots=True)
class Cron:
    """A cron schedule in the dialect of Flyte's servers (robfig/cron v3), checked at definition.

    Five fields (minute, hour, day of month, month, day of week), ``@hourly`` and its like, or ``@every 1h30m``. A leading
    ``CRON_TZ=Area/City`` is taken off and becomes the `timezone`. How the dialect differs from croniter's, which flytekit
    checks with: `bridge_core.schedules.expression`. What happens when clocks change: `bridge_core.schedules.calendar`;
    in short, a skipped time does not fire and a repeated one fires twice, because that is what Flyte does.

    Fire times are whole seconds, returned in UTC: in one zone, Python takes the two readings of a repeated hour for equal.

    ``@every`` counts from the moment that is asked about, as robfig/cron does (constantdelay.go): schedulers pass the time
    of activation as `anchor`, so that ticks stay where they are.

    Attributes:
        expression: Without its zone.
        timezone: IANA name. Servers are always told, because FlyteAdmin's default is the zone of its scheduler's machine.

    Example:
        >>> from datetime import UTC, datetime
        >>> Cron("0 3 * * 1-5", timezone="Europe/Berlin").next_after(datetime(2026, 11, 20, 12, tzinfo=UTC)).isoformat()
        '2026-11-23T02:00:00+00:00'
    """

    expression: str
    timezone: str = "UTC"
    _plan: Calendar | int = field(init=False, repr=False, compare=False)
    _zone: ZoneInfo = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        zone, expression = split_zone(self.expression)
        if zone is not None and self.timezone not in ("UTC", zone):
            raise InvalidRequest(
                f"cron {self.expression!r}: two time zones, {zone!r} in the expression and timezone={self.timezone!r}; "
                "write only one of them"
            )
        object.__setattr__(self, "expression", expression)
        object.__setattr__(self, "timezone", zone or self.timezone)
        object.__setattr__(self, "_zone", load_zone(self.timezone, f"cron {expression!r}"))
        object.__setattr__(self, "_plan", parse(expression))

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), timezone=self.timezone), (self.expression,)  # what is parsed is not stored

    def __str__(self) -> str:
        return self.server_expression

    @property
    def server_expression(self) -> str:
        """What a server is sent: with the zone, which it would otherwise choose itself."""
        return self.expression if self.interval is not None else f"CRON_TZ={self.timezone} {self.expression}"

    @property
    def portable_expression(self) -> str | None:
        """Five fields in explicit lists without names and steps, which every cron reads alike; None for ``@every``."""
        return None if isinstance(self._plan, int) else self._plan.fields

    @property
    def interval(self) -> int | None:
        """Seconds of ``@every``; None for a calendar."""
        return self._plan if isinstance(self._plan, int) else None

    def next_after(self, moment: datetime, *, anchor: datetime | None = None) -> datetime | None:
        """The first fire time later than `moment`; None when there is none within five years.

        Args:
            moment: Aware.
            anchor: ``@every`` only: ticks are the anchor plus whole intervals. None: count from `moment`.
        """
        after = epoch(aware(moment, "next_after"))
        if isinstance(self._plan, int):
            from .rate import next_tick

            return utc(next_tick(self._plan, after, None if anchor is None else epoch(aware(anchor, "anchor"))))
        found = self._plan.next_after(after, self._zone)
        return None if found is None else utc(found)

    def previous_before(self, moment: datetime, *, anchor: datetime | None = None) -> datetime | None:
        """The last fire time earlier than `moment`; None when there is none (in nine years, or since the anchor)."""
        aware(moment, "previous_before")
        before = epoch(moment) + (1 if moment.microsecond else 0)
        if isinstance(self._plan, int):
            from .rate import previous_tick

            tick = previous_tick(self._plan, before, None if anchor is None else epoch(aware(anchor, "anchor")))
            return None if tick is None else utc(tick)
        return self._last_before(self._plan, before)

    def _last_before(self, plan: Calendar, before: int) -> datetime | None:
        """Walks days back to one that can match, then forward through it: the same steps as going forward."""
        clock = local(before, self._zone)
        start = date_to_epoch(clock.year, clock.month, clock.day, self._zone)
        for _ in range(366 * _LOOK_BACK_YEARS):
            day = local(start + _DAY // 2, self._zone)
            if plan.months >> day.month & 1 and plan.day_matches(day):
                found, at = None, plan.next_after(min(start, before) - 1, self._zone)
                while at is not None and at < before and at <= start + 2 * _DAY:
                    found, at = at, plan.next_after(at, self._zone)
                if found is not None:
                    return utc(found)
            before_start = local(start - _DAY // 2, self._zone)
            start = date_to_epoch(before_start.year, before_start.month, before_start.day, self._zone)
        return None

    def between(self, start: datetime, end: datetime, *, anchor: datetime | None = None) -> Iterator[datetime]:
        """Fire times from `start` up to but without `end`, in order: adjoining windows neither overlap nor leave gaps.

        ``@every`` without an anchor counts from `start`, whose first tick is one interval later.
        """
        from .rate import ticks_between

        anchored = start if anchor is None and self.interval is not None else anchor
        return ticks_between(lambda moment: self.next_after(moment, anchor=anchored), start, end)

    def describe(self) -> str:
        """What it means, in a sentence.

        Example:
            >>> Cron("30 3 * * mon-fri", timezone="Europe/Berlin").describe()
            'at 03:30 on Monday to Friday (Europe/Berlin)'
        """
        if isinstance(self._plan, int):
            return f"every {words(self._plan)}"
        return describe_calendar(self._plan, self.timezone)
