"""Whose turn it is, of many: the heaps give what looking through all of them would."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from bridge_core import PollPolicy, RunPhase, RunRef, RunSnapshot
from bridge_core.waiting.turns import Turns
from bridge_core.waiting.watcher import NAMES_PER_CALL, RunWatcher

RUNNING = RunSnapshot(ref=RunRef("p", "d", "any"), phase=RunPhase.RUNNING)
NAMES = st.sampled_from([f"run-{number}" for number in range(12)])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), NAMES, st.integers(0, 20), st.integers(0, 5)),
        st.tuples(st.just("discard"), NAMES),
        st.tuples(st.just("next"), st.integers(0, 20), st.integers(1, 6)),
        st.tuples(st.just("first")),
    ),
    max_size=60,
)


@given(STEPS)
def test_turns_are_those_that_a_look_at_all_of_them_finds(steps) -> None:
    turns, known = Turns(), {}
    for step in steps:
        match step:
            case ("set", name, due, ahead):
                known[name] = (float(due), float(due - ahead))
                turns.set(name, *known[name])
            case ("discard", name):
                known.pop(name, None)
                turns.discard(name)
            case ("first",):
                assert turns.first() == min((due for due, _ in known.values()), default=None)
            case ("next", now, most):
                due = sorted(at for at, _ in known.values() if at <= now)
                soon = [name for name, (_, at) in known.items() if at <= now]
                given_now = turns.next(now, most)
                assert len(set(given_now)) == len(given_now) == (min(most, len(soon)) if due else 0)
                assert set(given_now) <= set(soon)
                first = sorted(known[name][0] for name in given_now)[: len(due)]
                assert first == due[:most], "who is due goes before who will be"
                assert turns.next(now, most) == given_now, "who was not asked about has his turn still"


def test_what_is_out_of_date_does_not_pile_up() -> None:
    turns = Turns()
    for at in range(10_000):
        turns.set("a", at, at - 1)
        turns.set("b", at + 5, at)
    assert len(turns._due) < 1100
    assert turns.next(9_999, 5) == ("a", "b")


def ask(watcher: RunWatcher, now: float, asked: dict[str, list[float]]) -> None:
    while names := watcher.due(now):
        for name in names:
            asked.setdefault(name, []).append(now)
        watcher.apply(names, dict.fromkeys(names, RUNNING), now, 0.5)


def until(end: float, watcher: RunWatcher, now: float, asked: dict[str, list[float]]) -> float:
    """Lets time pass, and asks about what is due; the time afterwards."""
    while now < end:
        ask(watcher, now, asked)
        now += max(watcher.due_in(now), 0.01)
    return now


def test_thousands_of_young_runs_are_asked_about_at_a_bounded_rate_and_none_is_forgotten() -> None:
    watcher, asked, now = RunWatcher(PollPolicy(jitter=0)), {}, 0.0
    for number in range(10_000):
        watcher.add(f"run-{number}", now)
    until(120, watcher, now, asked)
    questions = sum(map(len, asked.values()))
    assert questions <= 10_000 + 120 * 500 / 0.75, "a quarter of the interval earlier, where that saves a call"
    assert len(asked) == 10_000
    assert max(b - a for times in asked.values() for a, b in itertools.pairwise(times)) <= 21


def test_a_young_run_among_thousands_of_old_ones_is_asked_about_as_often_as_alone() -> None:
    watcher, asked, now = RunWatcher(PollPolicy(jitter=0)), {}, 0.0
    for number in range(10_000):
        watcher.add(f"old-{number}", now)
    now = until(600, watcher, now, asked)
    watcher.add("young", now)
    until(now + 5, watcher, now, asked)
    assert len(asked["young"]) >= 9, "every half second"


def test_an_interval_that_was_asked_for_is_kept_whatever_waits() -> None:
    watcher, asked = RunWatcher(PollPolicy.every(1.0)), {}
    for number in range(3 * NAMES_PER_CALL):
        watcher.add(f"run-{number}", 0.0)
    for now in range(10):
        ask(watcher, float(now), asked)
    assert {len(times) for times in asked.values()} == {10}


def test_a_run_that_goes_on_is_read_once_per_phase() -> None:
    read = []

    def unread(phase: RunPhase) -> RunSnapshot:
        ref = RunRef("p", "d", "a")
        return RunSnapshot.unread(ref, phase, lambda: read.append(phase) or RunSnapshot(ref=ref, phase=phase))

    watcher = RunWatcher(PollPolicy())
    watcher.add("a", 0.0)
    for phase in (RunPhase.QUEUED, RunPhase.QUEUED, RunPhase.RUNNING, RunPhase.RUNNING, RunPhase.RUNNING):
        watcher.apply(("a",), {"a": unread(phase)}, 0.0, 0.5)
        assert watcher.last("a") == RunSnapshot(ref=RunRef("p", "d", "a"), phase=phase)
    assert read == [RunPhase.QUEUED, RunPhase.RUNNING]
