"""When to ask again and whom: pure functions, tested as tables, and the watcher's bookkeeping."""

from __future__ import annotations

import pytest

from bridge_core import (
    ConfigError,
    InvalidRequest,
    LimitExceeded,
    NotFound,
    PollPolicy,
    RetryPolicy,
    RunPhase,
    RunRef,
    RunSnapshot,
    Unavailable,
)
from bridge_core.waiting.watcher import NAMES_PER_CALL, RunWatcher

RUNNING, FAILED, SUCCEEDED, UNKNOWN = (
    RunSnapshot(ref=RunRef("p", "d", "any"), phase=phase)
    for phase in (RunPhase.RUNNING, RunPhase.FAILED, RunPhase.SUCCEEDED, RunPhase.UNKNOWN)
)


@pytest.mark.parametrize(
    ("error", "retried"),
    [
        (Unavailable("x", code="UNAVAILABLE"), True),
        (Unavailable("x", code="INTERNAL"), True),
        (LimitExceeded("x", code="RESOURCE_EXHAUSTED", details="slow down"), True),
        (LimitExceeded("x", code="RESOURCE_EXHAUSTED", details="received message larger than max (5 vs. 4)"), False),
        (LimitExceeded("x", code="ALREADY_EXISTS"), False),
        (NotFound("x", code="NOT_FOUND"), False),
        (InvalidRequest("x"), False),
    ],
)
def test_only_what_may_pass_is_retried_and_only_when_safe(error: Exception, retried: bool) -> None:
    policy = RetryPolicy()
    assert (policy.delay_after(1, error, safe=True) is not None) is retried
    assert policy.delay_after(1, error, safe=False) is None


def test_retries_end_and_delays_grow_within_bounds() -> None:
    policy, error = RetryPolicy(retries=3, first_delay=0.2, longest_delay=1.0), Unavailable("x")
    delays = [policy.delay_after(attempt, error, safe=True) for attempt in (1, 2, 3, 4)]
    assert delays[3] is None
    assert all(delay is not None and 0.1 <= delay <= 1.0 for delay in delays[:3])
    assert RetryPolicy(retries=0).delay_after(1, error, safe=True) is None
    with pytest.raises(ConfigError, match="must not be negative"):
        RetryPolicy(retries=-1)


@pytest.mark.parametrize(("waited", "delay"), [(0, 0.5), (4, 0.5), (60, 6.0), (300, 30.0), (90_000, 30.0)])
def test_polling_slows_down_with_age(waited: float, delay: float) -> None:
    assert PollPolicy().delay(waited, 0.5) == pytest.approx(delay)
    assert PollPolicy().delay(waited, 1.0) == pytest.approx(delay * 1.1)
    assert PollPolicy.every(2).delay(waited, 1.0) == 2


@pytest.mark.parametrize(
    "bad", [{"shortest": 0}, {"shortest": 40}, {"jitter": 1.0}, {"share": -1}, {"runs_per_second": -1}]
)
def test_senseless_polling_is_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="poll policy"):
        PollPolicy(**bad)
    with pytest.raises(ConfigError, match="poll_interval"):
        PollPolicy.every(0)


def test_watcher_asks_in_chunks_and_sorts_the_answer() -> None:
    watcher = RunWatcher(PollPolicy())
    for number in range(NAMES_PER_CALL + 5):
        watcher.add(f"run-{number}", now=0.0)
    first = watcher.due(0.0)
    assert len(first) == NAMES_PER_CALL
    found = dict.fromkeys(first, RUNNING) | {"run-0": FAILED, "stranger": SUCCEEDED}
    del found["run-1"]
    verdict = watcher.apply(first, found, now=0.0, chance=0.5)
    assert (verdict.finished, verdict.missing) == (("run-0",), ("run-1",))
    assert len(watcher.due(0.0)) == 5
    watcher.apply(watcher.due(0.0), {}, now=0.0, chance=0.5)
    assert watcher.due(0.1) == ()
    assert watcher.due_in(0.1) == pytest.approx(0.4)
    assert len(watcher.due(0.5)) == NAMES_PER_CALL


def test_watcher_forgets_whom_nobody_waits_for_and_unknown_phases_are_not_the_end() -> None:
    watcher = RunWatcher(PollPolicy())
    assert watcher.due_in(0.0) is None
    watcher.add("a", 0.0)
    watcher.add("b", 0.0)
    watcher.discard("b")
    verdict = watcher.apply(("a", "b"), {"a": UNKNOWN, "b": FAILED}, 0.0, 0.5)
    assert (verdict.finished, verdict.missing) == ((), ())
    assert len(watcher) == 1


def test_young_and_old_runs_share_a_question() -> None:
    watcher = RunWatcher(PollPolicy(jitter=0))
    watcher.add("old", 0.0)
    watcher.apply(watcher.due(0.0), {"old": RUNNING}, now=100.0, chance=0.5)  # due again at 110
    watcher.add("young", 108.0)
    assert set(watcher.due(108.0)) == {"old", "young"}
    assert watcher.due_in(109.0) == 0.0


def test_a_question_brought_forward_is_due_at_once_and_what_was_heard_is_kept() -> None:
    watcher = RunWatcher(PollPolicy.every(60))
    watcher.add("a", 0.0)
    assert watcher.last("a") is None
    watcher.apply(watcher.due(0.0), {"a": RUNNING}, now=0.0, chance=0.5)
    assert (watcher.due(1.0), watcher.last("a")) == ((), RUNNING)
    watcher.make_due("a", 1.0)
    watcher.make_due("nobody", 1.0)
    assert watcher.due(1.0) == ("a",)
    watcher.apply(("a",), {}, now=1.0, chance=0.5)
    assert watcher.last("a") is RUNNING, "an answer without it is no news of it"
