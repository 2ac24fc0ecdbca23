"""The dialect, its messages, and the arithmetic around it."""

from __future__ import annotations

import itertools
import pickle
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge_core import Cron, FixedRate, InvalidRequest

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "shown", "fix"),
    [
        ("", "got ''", "0 3 * * 1-5"),
        ("daily", "found 1", "'@daily'"),
        ("Hours", "found 1", "'@hourly'"),
        ("* * * *", "found 4", "minute hour day month weekday"),
        ("0 30 3 * * 1", "found 6", "'30 3 * * 1'"),
        ("0 3 * * ? *", "found 6", "'0 3 * * ?'"),
        ("0 3 * * 1 2027", "found 6", "'0 3 * * 1'"),
        ("cron(0 3 * * ? *)", "found 6", "without brackets"),
        ("60 * * * *", "minute '60': 60 is out of range 0-59", "write a number from 0 to 59"),
        ("0 24 * * *", "hour '24': 24 is out of range 0-23", "write"),
        ("0 0 0 * *", "day of month '0': 0 is out of range 1-31", "write"),
        ("0 0 32 2 *", "day of month '32': 32 is out of range 1-31", "write"),
        ("0 0 1 13 *", "month '13': 13 is out of range 1-12 or jan-dec", "write"),
        ("0 0 * * 7", "day of week '7': 7 is out of range 0-6 or sun-sat; Sunday is 0", "'0' or 'sun'"),
        ("0 0 * * fri-mon", "fri comes after mon", "'fri-6,0-mon'"),
        ("0 22-2 * * *", "22 comes after 2", "'22-23,0-2'"),
        ("*/0 * * * *", "step '0'", "'*/5'"),
        ("1/2/3 * * * *", "more than one '/'", "'0-59/2'"),
        ("1,,2 * * * *", "empty item", "'1,2'"),
        ("*-5 * * * *", "'*' stands alone", "'0-59'"),
        ("-5 * * * *", "minute '-5'", "write"),
        ("1.5 * * * *", "'1.5' is not 0-59", "write"),
        ("0 0 L * *", "no 'L'", "'28-31'"),
        ("0 0 * * 5L", "no 'L'", "'28-31'"),
        ("0 0 15W * *", "no 'W'", "'1-5'"),
        ("0 0 * * 1#2", "no '#'", "weekday alone"),
        ("H * * * *", "no 'H'", "0-59"),
        ("0 0 30 2 *", "never fires", "'28'"),
        ("0 0 31 4,6,9,11 *", "never fires", "'28-31'"),
        ("0 0 31 feb ?", "never fires", "'28'"),
        ("@Daily", "unknown name", "'@daily'"),
        ("@reboot", "unknown name", "@hourly"),
        ("@every", "duration is missing", "'@every 15m'"),
        ("@every 0s", "at least 1 s, got 0s", "'@every 15m'"),
        ("@every -5m", "at least 1 s, got -5m", "'@every 15m'"),
        ("@every 500ms", "whole seconds", "'@every 90s'"),
        ("@every 1d", "unknown unit 'd'", "a day is 24h"),
        ("@every 2w", "unknown unit 'w'", "a week is 168h"),
        ("@every five minutes", "not a duration", "'@every 15m'"),
        ("@every 5", "not a duration", "'@every 15m'"),
        ("TZ=Europe/Berlin", "schedule is missing", "CRON_TZ=Europe/Berlin"),
        ("CRON_TZ= 0 3 * * *", "zone is missing", "CRON_TZ=Europe/Berlin"),
        ("CRON_TZ=Europe/Berln 0 3 * * *", "'Europe/Berln' is not in the IANA database", "Europe/Berlin"),
        ("TZ=europe/berlin 0 3 * * *", "'europe/berlin' is not", "Europe/Berlin"),
    ],
)
def test_what_servers_refuse_is_refused_here_with_a_fix(expression: str, shown: str, fix: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Cron(expression)
    assert shown in str(caught.value)
    assert fix in str(caught.value)


@pytest.mark.parametrize("value", [None, 5, b"@daily", ["0 3 * * *"]])
def test_only_text_is_an_expression(value: object) -> None:
    with pytest.raises(InvalidRequest, match="wanted an expression"):
        Cron(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "/etc/localtime", "America", None, 3])
def test_an_unknown_zone_is_an_error(zone: object) -> None:
    with pytest.raises(InvalidRequest, match="not in the IANA database"):
        Cron("0 3 * * *", timezone=zone)  # type: ignore[arg-type]


def test_the_zone_may_stand_in_the_expression() -> None:
    cron = Cron("CRON_TZ=Europe/Berlin  0 3 * *   1-5 ")
    assert (cron.expression, cron.timezone) == ("0 3 * * 1-5", "Europe/Berlin")
    assert cron == Cron("0 3 * * 1-5", timezone="Europe/Berlin")
    assert cron.server_expression == "CRON_TZ=Europe/Berlin 0 3 * * 1-5"
    assert Cron("@every 5m").server_expression == "@every 5m"
    with pytest.raises(InvalidRequest, match="two time zones"):
        Cron("TZ=Europe/Berlin 0 3 * * *", timezone="Asia/Tokyo")


@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("@hourly", "0 * * * *"), ("@midnight", "0 0 * * *"), ("@weekly", "0 0 * * sun"), ("@annually", "0 0 1 jan *"),
        ("5/15 * * * *", "5,20,35,50 * * * *"), ("? ? ? ? ?", "* * * * *"), ("*/1 * * * *", "* * * * *"),
        ("0 0 * MAR-may Mon", "0 0 * 3-5 1"), ("+5 003 * * *", "5 3 * * *"), ("*/100 * * * *", "0 * * * *"),
    ],
)  # fmt: skip
def test_spellings(written: str, same: str) -> None:
    end = NOON + timedelta(days=400)
    ours, theirs = (itertools.islice(Cron(text).between(NOON, end), 500) for text in (written, same))
    assert list(ours) == list(theirs)


def test_only_a_star_means_any_day() -> None:
    both = Cron("0 0 * * 1")  # Mondays
    either = Cron("0 0 */2 * 1")  # odd days, or Mondays
    first = Cron("0 0 1 * 1")  # the first, or Mondays
    month = (datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))
    assert [tick.day for tick in both.between(*month)] == [1, 8, 15, 22, 29]
    assert [tick.day for tick in first.between(*month)] == [1, 8, 15, 22, 29]
    assert {8, 22} <= {tick.day for tick in either.between(*month)}
    assert len(list(either.between(*month))) == 17
    assert Cron("0 0 31 2 1").next_after(NOON) == datetime(2027, 2, 1, tzinfo=UTC)  # a Monday will do


def test_strictly_after_strictly_before_and_half_open() -> None:
    hourly = Cron("@hourly")
    assert hourly.next_after(NOON) == NOON + timedelta(hours=1)
    assert hourly.next_after(NOON - timedelta(microseconds=1)) == NOON
    assert hourly.previous_before(NOON) == NOON - timedelta(hours=1)
    assert hourly.previous_before(NOON + timedelta(microseconds=1)) == NOON
    assert [tick.hour for tick in hourly.between(NOON, NOON + timedelta(hours=3))] == [12, 13, 14]
    assert list(hourly.between(NOON, NOON)) == []
    with pytest.raises(InvalidRequest, match="before the start"):
        hourly.between(NOON, NOON - timedelta(hours=1))
    with pytest.raises(InvalidRequest, match="no time zone"):
        hourly.next_after(datetime(2026, 1, 1))  # noqa: DTZ001


def test_every_counts_from_the_question_or_from_its_anchor() -> None:
    every = Cron("@every 90s")
    assert every.next_after(NOON + timedelta(milliseconds=300)) == NOON + timedelta(seconds=90)
    anchored = [every.next_after(NOON + timedelta(seconds=s), anchor=NOON) for s in (-500, 0, 89, 90, 200)]
    assert [tick and (tick - NOON).total_seconds() for tick in anchored] == [90, 90, 90, 180, 270]
    assert every.previous_before(NOON + timedelta(seconds=181), anchor=NOON) == NOON + timedelta(seconds=180)
    assert every.previous_before(NOON + timedelta(seconds=90), anchor=NOON) is None
    assert len(list(every.between(NOON, NOON + timedelta(minutes=9)))) == 5
    assert every.describe() == "every 1 minute 30 seconds"


def test_fixed_rates() -> None:
    rate = FixedRate(15, start_time=NOON)
    assert rate == FixedRate(minutes=15, start_time=NOON)
    assert rate.next_after(NOON - timedelta(days=3)) == NOON  # the start is the first tick
    assert rate.next_after(NOON) == NOON + timedelta(minutes=15)
    assert rate.previous_before(NOON) is None
    assert rate.previous_before(NOON + timedelta(seconds=1)) == NOON
    assert list(rate.between(NOON, NOON + timedelta(minutes=30))) == [NOON, NOON + timedelta(minutes=15)]
    floating = FixedRate(15)
    assert floating.next_after(NOON) == NOON + timedelta(minutes=15)
    assert floating.next_after(NOON + timedelta(minutes=1), anchor=NOON) == NOON + timedelta(minutes=15)
    assert floating.describe() == "every 15 minutes, counted from activation"


@pytest.mark.parametrize("interval", [0, -5, 1.5, True, "15", None, 10**9])
def test_intervals_are_whole_minutes_from_one_up(interval: object) -> None:
    with pytest.raises(InvalidRequest, match="whole number from 1 to"):
        FixedRate(interval)  # type: ignore[arg-type]


def test_a_start_is_an_aware_whole_second() -> None:
    with pytest.raises(InvalidRequest, match="no time zone"):
        FixedRate(5, start_time=datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(InvalidRequest, match="whole second"):
        FixedRate(5, start_time=NOON.replace(microsecond=1))


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("* * * * *", "every minute (UTC)"),
        ("*/5 * * * *", "every 5 minutes (UTC)"),
        ("@hourly", "every hour, on the hour (UTC)"),
        ("@daily", "at 00:00 every day (UTC)"),
        ("@weekly", "at 00:00 on Sunday (UTC)"),
        ("@yearly", "at 00:00 on day 1 of the month in January (UTC)"),
        ("30 3,15 * * mon-fri", "at 03:30 and 15:30 on Monday to Friday (UTC)"),
        ("0 0 1 * 1", "at 00:00 on day 1 of the month or on Monday (UTC)"),
        ("0 9-17 * * *", "on the hour of hour 09 to 17 every day (UTC)"),
        ("5 * * * *", "at minute 5 of every hour (UTC)"),
    ],
)
def test_descriptions(expression: str, text: str) -> None:
    assert Cron(expression).describe() == text


@pytest.mark.parametrize(
    ("expression", "portable"),
    [
        ("@daily", "0 0 * * *"),
        ("*/20 9-11 ? jan-mar mon-fri", "0,20,40 9,10,11 * 1,2,3 1,2,3,4,5"),
        ("0 0 */1 * 1", "0 0 * * 1"),
        ("0 0 1-31 * 1", "0 0 * * *"),
        ("0 0 13 * 5", "0 0 13 * 5"),
        ("@every 5m", None),
    ],
)
def test_portable_expressions(expression: str, portable: str | None) -> None:
    assert Cron(expression).portable_expression == portable


def test_values_are_hashable_and_pickle() -> None:
    for value in (Cron("0 3 * * *", timezone="Europe/Berlin"), FixedRate(5, start_time=NOON)):
        copy = pickle.loads(pickle.dumps(value))
        assert copy == value
        assert hash(copy) == hash(value)
        assert copy.next_after(NOON) == value.next_after(NOON)


def test_pendulums_moments_are_taken() -> None:
    import pendulum

    noon = pendulum.datetime(2026, 11, 20, 13, tz="Europe/Berlin")
    assert Cron("@hourly").next_after(noon) == NOON + timedelta(hours=1)
    assert Cron("@hourly").previous_before(noon.add(microseconds=1)) == NOON
    assert list(FixedRate(30, start_time=noon).between(noon, noon.add(hours=1))) == [NOON, NOON + timedelta(minutes=30)]


moments = st.datetimes(datetime(1990, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
# Not Casablanca: its clocks changed at midnight on the first of June, where robfig's answers depend on the question.
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Sydney"])


def field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high).map(str)
    span = st.tuples(st.integers(low, high), st.integers(low, high)).map(lambda ab: f"{min(ab)}-{max(ab)}")
    step = st.integers(1, high).map(lambda n: f"*/{n}")
    return st.just("*") | st.lists(number | span | step, min_size=1, max_size=3).map(",".join)


expressions = st.tuples(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6)).map(" ".join)


@settings(max_examples=200, deadline=None)
@given(expressions, zones, moments)
def test_next_and_previous_are_inverse(expression: str, zone: str, moment: datetime) -> None:
    cron = Cron(expression, timezone=zone)
    later = cron.next_after(moment)
    assert later is not None
    assert later > moment
    assert cron.next_after(later - timedelta(seconds=1)) == later
    earlier = cron.previous_before(later)
    assert earlier is not None
    assert earlier <= moment
    assert cron.next_after(earlier) == later


@settings(max_examples=150, deadline=None)
@given(expressions, moments, st.integers(0, 10**6), st.integers(0, 10**6))
def test_adjoining_windows_tile(expression: str, moment: datetime, first: int, second: int) -> None:
    cron = Cron(expression)
    middle, end = moment + timedelta(seconds=first), moment + timedelta(seconds=first + second)
    assert [*cron.between(moment, middle), *cron.between(middle, end)] == list(cron.between(moment, end))


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 10**5), moments, moments)
def test_fixed_rates_stay_in_step(interval: int, start: datetime, moment: datetime) -> None:
    start = start.replace(microsecond=0).astimezone(timezone(timedelta(hours=5)))
    rate = FixedRate(interval, start_time=start)
    tick = rate.next_after(moment)
    assert tick > moment
    assert (tick - start) % timedelta(minutes=interval) == timedelta(0)
    assert tick == start or rate.previous_before(tick) == tick - timedelta(minutes=interval)
