"""croniter, which flytekit checks with: the same fire times where no clock changes, and the differences that the docs list."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from hypothesis import assume, given, settings
from test_cron import expressions, moments

from bridge_core import Cron, InvalidRequest

DIFFERENT = re.compile(r"\*/1\b|(?<!\d)(\d+)-\1(?!\d)")  # every value, and ranges of one value: see below


def theirs(expression: str, start: datetime, count: int) -> list[datetime]:
    ticks = croniter(expression, start)
    return [ticks.get_next(datetime) for _ in range(count)]


@settings(max_examples=150, deadline=None)
@given(expressions, moments)
def test_where_no_clock_changes_croniter_agrees(expression: str, moment: datetime) -> None:
    assume(not DIFFERENT.search(expression))
    assume(expression.split()[4] in ("*", "?") or croniter.expand(expression)[0][4] != ["*"])  # see "every weekday"
    ours, moment = Cron(expression), moment.replace(microsecond=0)
    mine, at = [], moment
    for _ in range(5):
        tick = ours.next_after(at)
        assert tick is not None
        mine.append(at := tick)
    assert mine == theirs(expression, moment, 5)


@pytest.mark.parametrize("expression", ["0 0 * * 7", "0 0 L * *", "0 0 * * 1#2", "0 0 3 * * 1", "0 0 * * sat-sun"])
def test_croniter_takes_what_flyte_refuses(expression: str) -> None:
    assert croniter.is_valid(expression)
    with pytest.raises(InvalidRequest):
        Cron(expression)


@pytest.mark.parametrize("expression", ["@every 5m", "CRON_TZ=Europe/Berlin 0 3 * * *", "? ? * * *"])
def test_flyte_takes_what_croniter_refuses(expression: str) -> None:
    assert not croniter.is_valid(expression)
    Cron(expression)


NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)  # a Thursday


def test_a_range_of_one_weekday() -> None:
    """croniter takes it for the whole week."""
    assert theirs("0 12 * * 0-0", NEW_YEAR, 1) == [datetime(2026, 1, 1, 12, tzinfo=UTC)]
    assert Cron("0 12 * * 0-0").next_after(NEW_YEAR) == datetime(2026, 1, 4, 12, tzinfo=UTC)


def test_every_weekday_by_name_is_not_any_day() -> None:
    """To croniter it is a ``*``, so that both days must fit; Flyte asks for one of the two, and every weekday is one."""
    assert theirs("0 12 */2 * 0-6", datetime(2026, 1, 1, 13, tzinfo=UTC), 1) == [datetime(2026, 1, 3, 12, tzinfo=UTC)]
    assert Cron("0 12 */2 * 0-6").next_after(datetime(2026, 1, 1, 13, tzinfo=UTC)) == datetime(
        2026, 1, 2, 12, tzinfo=UTC
    )


def test_a_step_of_one_means_any_day() -> None:
    """To croniter it is a list of all days, one of the two that are enough."""
    assert theirs("0 12 */1 * 1", NEW_YEAR, 1) == [datetime(2026, 1, 1, 12, tzinfo=UTC)]
    assert Cron("0 12 */1 * 1").next_after(NEW_YEAR) == datetime(2026, 1, 5, 12, tzinfo=UTC)


def test_a_skipped_hour() -> None:
    """croniter moves it; Flyte leaves it out."""
    zone = ZoneInfo("Europe/Berlin")
    before = datetime(2024, 3, 31, 0, 0, tzinfo=zone)
    moved = theirs("30 2 * * *", before, 1)[0].astimezone(UTC)
    assert moved.date() == datetime(2024, 3, 31, tzinfo=UTC).date()
    assert Cron("30 2 * * *", timezone="Europe/Berlin").next_after(before) == datetime(2024, 4, 1, 0, 30, tzinfo=UTC)


def test_a_repeated_hour() -> None:
    """Both fire twice."""
    before = datetime(2024, 10, 27, 0, 0, tzinfo=ZoneInfo("Europe/Berlin"))
    end = datetime(2024, 10, 28, tzinfo=UTC)
    twice = [tick.astimezone(UTC) for tick in theirs("30 2 * * *", before, 2)]
    assert twice == list(Cron("30 2 * * *", timezone="Europe/Berlin").between(before, end))
