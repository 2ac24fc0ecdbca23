"""What a watch for ended runs takes for news: pure, with ends that come to light in any order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from airflow_provider._triggerer.watch_state import WatchState
from bridge_core import RunRef

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def run(name, minutes):
    return SimpleNamespace(ref=RunRef("p", "d", name), ended_at=NOON + timedelta(minutes=minutes))


def names(runs):
    return [one.ref.name for one in runs]


def reported(state, *runs):
    for one in runs:
        state = state.plus(str(one.ref), one.ended_at)
    return state


def test_what_ended_before_the_watch_began_is_no_news():
    assert names(WatchState.beginning(NOON).news([run("early", -1), run("late", 1)])) == ["late"]


def test_news_come_in_the_order_of_their_ends_and_once():
    state = WatchState.beginning(NOON)
    ended = [run("b", 2), run("a", 1), run("b", 2)]
    assert names(state.news(ended)) == ["a", "b"]
    assert reported(state, *ended).news(ended) == []


def test_an_end_that_comes_to_light_late_is_news():
    state = reported(WatchState.beginning(NOON), run("a", 30))
    assert names(state.news([run("a", 30), run("b", 5)])) == ["b"]


def test_an_old_run_that_is_touched_again_is_no_news():
    """Archiving a run makes its row new."""
    state = reported(WatchState.beginning(NOON), run("old", 5), run("new", 200))
    assert state.news([run("old", 5)]) == []
    assert "p/d/old" not in state.seen


@pytest.mark.parametrize("minutes", [0, 59, 61, 10_000])
def test_a_pause_of_any_length_loses_nothing(minutes):
    state = reported(WatchState.beginning(NOON), run("a", 1))
    assert names(state.news([run("b", 1 + minutes)])) == ["b"]


def test_it_survives_being_stored():
    state = reported(WatchState.beginning(NOON), run("a", 1), run("b", 2.123456))
    assert WatchState.from_json(state.to_json()) == state


@pytest.mark.parametrize(
    "data", [None, {}, [], "x", {"begun": 1, "mark": 2, "seen": []}, {"begun": "x", "mark": 2, "seen": {}}]
)
def test_what_is_no_state_is_none(data):
    assert WatchState.from_json(data) is None
