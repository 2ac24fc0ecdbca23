"""Which ticks are launched after a gap: policies, windows, caps, jitter. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge_core import Cron, FixedRate, InvalidRequest, Trigger
from bridge_core.scheduler import Entry, Missed
from bridge_core.scheduler.heap import DueHeap

NOON = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp())
HOUR = 3600


def entry(expression: str = "@hourly", **more: Any) -> Entry:
    return Entry(trigger=Trigger("t", entity="pkg.wf", automation=Cron(expression)), **more)


def hours(ticks: list[int]) -> list[int]:
    return [(tick - NOON) // HOUR for tick in ticks]


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({"missed": Missed.ALL}, [-4, -3, -2, -1, 0]),
        ({"missed": Missed.ALL, "missed_window": 2 * HOUR}, [-2, -1, 0]),
        ({"missed": Missed.ALL, "missed_cap": 2}, [-2, -1, 0]),
        ({"missed": Missed.LATEST}, [0]),
        ({"missed": Missed.NONE}, [0]),
        ({"missed": Missed.ALL, "grace": 3 * HOUR, "missed_cap": 1}, [-4, -3, -2, -1, 0]),
    ],
)
def test_after_a_gap(settings: dict[str, Any], wanted: list[int]) -> None:
    assert hours(entry(**settings).due(NOON - 5 * HOUR, NOON, NOON)) == wanted


@pytest.mark.parametrize(("missed", "wanted"), [(Missed.ALL, [-2, -1, 0]), (Missed.LATEST, [0]), (Missed.NONE, [])])
def test_when_even_the_last_one_is_late(missed: Missed, wanted: list[int]) -> None:
    assert hours(entry(missed=missed).due(NOON - 3 * HOUR, NOON + HOUR // 2, NOON)) == wanted


def test_the_window_begins_and_ends_life() -> None:
    start, end = (datetime.fromtimestamp(NOON + at * HOUR, UTC) for at in (-2, 2))
    it = entry(start=start, end=end, missed=Missed.ALL)
    assert hours(it.due(NOON - 9 * HOUR, NOON + 9 * HOUR, NOON)) == [-2, -1, 0, 1]
    assert it.next_after(NOON - 90 * HOUR, NOON) == NOON - 2 * HOUR
    assert it.next_after(NOON + HOUR, NOON) is None


def test_a_year_of_missed_seconds_costs_no_more_than_the_cap() -> None:
    it = entry("@every 1s", missed=Missed.ALL, missed_cap=100, missed_window=10**9)
    ticks = it.due(NOON - 365 * 86400, NOON, NOON - 365 * 86400)
    assert ticks == list(range(NOON - 60 - 100, NOON + 1))


def test_jitter_is_drawn_from_the_tick() -> None:
    it = entry(jitter=30)
    drawn = {it.launch_at(NOON + at * HOUR) - (NOON + at * HOUR) for at in range(200)}
    assert drawn <= set(range(31))
    assert len(drawn) > 20
    assert it.launch_at(NOON) == entry(jitter=30).launch_at(NOON)
    assert entry().launch_at(NOON) == NOON


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"max_concurrency": 0}, "max_concurrency must be a whole number from 1 up, got 0"),
        ({"jitter": -1}, "jitter must be a whole number from 0 up"),
        ({"missed_cap": 0}, "missed_cap must be a whole number from 1 up"),
        ({"grace": 1.5}, "grace must be"),
        ({"start": datetime(2026, 2, 1, tzinfo=UTC), "end": datetime(2026, 1, 1, tzinfo=UTC)}, "is not after start"),
    ],
)
def test_settings_are_checked(more: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        entry(**more)


def test_a_trigger_without_a_schedule_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="has no schedule"):
        Entry(trigger=Trigger("t", entity="pkg.wf"))


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 500), st.lists(st.integers(0, 2000), min_size=1, max_size=12), st.booleans())
def test_however_time_goes_on_every_tick_is_due_once(interval: int, steps: list[int], cron: bool) -> None:
    """Cut anywhere, also after jumps back: the pieces are the whole."""
    automation = Cron(f"@every {interval}s") if cron else FixedRate(interval)
    it = Entry(
        trigger=Trigger("t", entity="w", automation=automation),
        missed=Missed.ALL,
        missed_window=10**9,
        missed_cap=10**6,
    )
    seen: list[int] = []
    cursor = now = NOON
    for step in steps:
        now += step - 300  # sometimes back
        if now > cursor:
            seen += it.due(cursor, now, NOON)
            cursor = now
    size = interval if cron else interval * 60
    assert seen == list(range(NOON + size, cursor + 1, size))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.none() | st.integers(0, 50))), st.integers(0, 60))
def test_the_heap_gives_each_name_once_at_its_last_place(moves: list[tuple[str, int | None]], now: int) -> None:
    heap, model = DueHeap(), dict[str, int]()
    for name, at in moves:
        heap.set(name, at)
        if at is None:
            model.pop(name, None)
        else:
            model[name] = at
    assert heap.first() == min(model.values(), default=None)
    assert sorted(heap.take(now)) == sorted(name for name, at in model.items() if at <= now)
    assert len(heap) == sum(at > now for at in model.values())


def test_start_moves_the_anchor_of_nothing() -> None:
    it = entry("@every 1h", start=datetime.fromtimestamp(NOON, UTC) + timedelta(minutes=90))
    assert it.next_after(NOON, NOON) == NOON + 2 * HOUR
