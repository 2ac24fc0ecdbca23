"""A whole DAG run of deferred tasks is stopped in one call: every run is aborted, once, and no other."""

from __future__ import annotations

import signal
import time
from collections import Counter

import pytest
from airflow_many import Many
from support.matrix import rows


@pytest.fixture
def many(airflow, home, sandbox):
    return lambda count: Many(airflow, home, sandbox, count)


@pytest.mark.parametrize(
    "count", [60, *rows(200), pytest.param(1000, marks=[pytest.mark.long, pytest.mark.timeout(600)])]
)
def test_all_are_aborted_when_the_triggerer_has_them(many, count):
    case = many(count)
    case.defer()
    case.watched()
    case.stop()
    aborts = case.all_aborted(60 + count / 5)
    assert Counter(len(causes) for causes in aborts.values()) == {1: count}
    causes = Counter(cause.rpartition(" ")[2] for (cause,) in aborts.values())
    assert causes == {"failed)": count}, "the triggerer stopped them all, and left nothing to the sweep"


@pytest.mark.parametrize(
    "count", [40, *rows(200), pytest.param(1000, marks=[pytest.mark.long, pytest.mark.timeout(600)])]
)
def test_all_are_aborted_after_the_triggerer_was_down(many, airflow, count):
    case = many(count)
    with airflow.without("triggerer"):
        case.defer()
        case.stop()
        assert not case.aborts()
    aborts = case.all_aborted(60 + count / 5)
    assert Counter(len(causes) for causes in aborts.values()) == {1: count}
    # By the sweep, or by a trigger that was still there when the triggerer came back: Airflow removes them when it gets to it.
    assert all("nobody waits for the run" in cause or cause.endswith("failed)") for (cause,) in aborts.values())


@pytest.mark.matrix
def test_a_triggerer_that_is_killed_meanwhile_leaves_the_rest_to_the_sweep(many, airflow):
    case = many(60)
    case.defer()
    case.watched()
    case.stop()
    with airflow.without("triggerer", number=signal.SIGKILL):
        pass
    case.all_aborted(90)


def test_what_still_waits_is_left_alone(many, airflow):
    """The sweep looks often in these tests: a run whose task waits is never taken for one that nobody waits for."""
    case = many(20)
    case.defer()
    case.watched()
    time.sleep(8)  # several looks
    assert not case.aborts()
    case.stop("success")
    case.all_aborted(60)
