"""What happens to a schedule when clocks change: the rules of `bridge_core.schedules.calendar`, one test each."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bridge_core import Cron, FixedRate


def fires(expression: str, zone: str, start: str, days: int = 1) -> list[str]:
    """Wall clocks with their offsets, from a local midnight on."""
    tz = ZoneInfo(zone)
    begin = datetime.fromisoformat(start).replace(tzinfo=tz).astimezone(UTC)
    end = (datetime.fromisoformat(start) + timedelta(days=days)).replace(tzinfo=tz).astimezone(UTC)
    return [f"{tick.astimezone(tz):%d %H:%M%z}" for tick in Cron(expression, timezone=zone).between(begin, end)]


@pytest.mark.parametrize(
    ("expression", "zone", "start", "wanted"),
    [
        # A skipped clock does not fire that day, and is not moved.
        ("30 2 * * *", "America/New_York", "2024-03-10", []),
        ("0 2 * * *", "Europe/Berlin", "2024-03-31", []),
        ("0 3 * * *", "Europe/Berlin", "2024-03-31", ["31 03:00+0200"]),
        ("0 1-4 * * *", "Europe/Berlin", "2024-03-31", ["31 01:00+0100", "31 03:00+0200", "31 04:00+0200"]),
        ("30 2 * * *", "Australia/Sydney", "2024-10-06", []),
        # A repeated clock fires twice.
        ("30 1 * * *", "America/New_York", "2024-11-03", ["03 01:30-0400", "03 01:30-0500"]),
        ("30 2 * * *", "Europe/Berlin", "2024-10-27", ["27 02:30+0200", "27 02:30+0100"]),
        ("30 2 * * *", "Australia/Sydney", "2024-04-07", ["07 02:30+1100", "07 02:30+1000"]),
        # Half an hour, on Lord Howe Island: 02:00 becomes 02:30 in October, and 01:30 again in April.
        ("15 2 * * *", "Australia/Lord_Howe", "2024-10-06", []),
        ("45 1 * * *", "Australia/Lord_Howe", "2024-04-07", ["07 01:45+1100", "07 01:45+1030"]),
        # … and the hour steps land on minute 30, so that 02:00 after the shift is missed: by Flyte too.
        ("0 2 * * *", "Australia/Lord_Howe", "2024-04-07", []),
        # Midnight is skipped: no fire that day.
        ("0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00", []),
        ("0 12 * * *", "America/Sao_Paulo", "2018-11-04T01:00", ["04 12:00-0200"]),
        # Two hours at once, in Antarctica.
        ("30 1-3 * * *", "Antarctica/Troll", "2024-03-31", ["31 03:30+0200"]),
        # The day that Samoa left out: 30 December 2011.
        ("0 9 30 12 *", "Pacific/Apia", "2011-12-29", []),
        ("0 9 * * *", "Pacific/Apia", "2011-12-29", ["29 09:00-1000"]),
    ],
)
def test_rules_around_a_clock_change(expression: str, zone: str, start: str, wanted: list[str]) -> None:
    assert fires(expression, zone, start) == wanted


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])
def test_every_so_many_minutes_neither_skips_nor_repeats_an_instant(zone: str) -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    ticks = list(Cron("*/15 * * * *", timezone=zone).between(start, start + timedelta(days=366)))
    assert len(ticks) == 366 * 96
    assert {later - earlier for earlier, later in itertools.pairwise(ticks)} == {timedelta(minutes=15)}


def test_a_fixed_rate_knows_no_clocks() -> None:
    rate = FixedRate(60, start_time=datetime(2024, 3, 31, tzinfo=ZoneInfo("Europe/Berlin")))
    ticks = list(rate.between(datetime(2024, 3, 30, tzinfo=UTC), datetime(2024, 4, 1, tzinfo=UTC)))
    assert {later - earlier for earlier, later in itertools.pairwise(ticks)} == {timedelta(hours=1)}


def test_going_back_meets_the_same_fire_times_through_a_whole_year() -> None:
    for zone in ("Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo"):
        cron = Cron("30 0-3 * * *", timezone=zone)
        forward = list(cron.between(datetime(2018, 1, 1, tzinfo=UTC), datetime(2019, 1, 1, tzinfo=UTC)))
        backward, moment = [], datetime(2019, 1, 1, tzinfo=UTC)
        while (previous := cron.previous_before(moment)) is not None and previous >= datetime(2018, 1, 1, tzinfo=UTC):
            backward.append(moment := previous)
        assert backward[::-1] == forward, zone


def test_a_day_that_is_left_out_is_stepped_over() -> None:
    """robfig/cron itself never returns from this question."""
    ours = Cron("0 9 30 12 *", timezone="Pacific/Apia").next_after(datetime(2011, 12, 29, tzinfo=UTC))
    assert ours == datetime(2012, 12, 29, 19, tzinfo=UTC)


def test_midnight_on_the_first_of_a_month() -> None:
    """As robfig 3.0.1 answers: from May it steps over the shift of 1 June 2008 and arrives at 01:00, from August at 00:00."""
    cron = Cron("0 0,1 1 9 *", timezone="Africa/Casablanca")
    assert cron.next_after(datetime(2008, 8, 23, tzinfo=UTC)) == datetime(2008, 9, 1, tzinfo=UTC)
    assert cron.next_after(datetime(2008, 5, 23, tzinfo=UTC)) == datetime(2008, 9, 1, 1, tzinfo=UTC)


def test_leap_days() -> None:
    leap = Cron("0 0 29 2 *")
    assert leap.next_after(datetime(2024, 3, 1, tzinfo=UTC)) == datetime(2028, 2, 29, tzinfo=UTC)
    assert leap.previous_before(datetime(2104, 2, 29, tzinfo=UTC)) == datetime(2096, 2, 29, tzinfo=UTC)
    # robfig looks five years ahead; 2100 is no leap year.
    assert leap.next_after(datetime(2096, 3, 1, tzinfo=UTC)) is None
    assert leap.next_after(datetime(2098, 1, 1, tzinfo=UTC)) is None
    assert leap.next_after(datetime(2099, 1, 1, tzinfo=UTC)) == datetime(2104, 2, 29, tzinfo=UTC)
