"""The promise: one task instance, one live Flyte run, through the whole of Airflow and whatever happens to its processes.

Real api-server, scheduler, dag-processor and triggerer, real task processes, a real (embedded) Flyte. Runs are held in Flyte
by a gate, so every test decides itself when its run ends.
"""

from __future__ import annotations

import os
import signal
import time

import pytest
from airflow_case import kill_what_is_left, phase
from airflow_home import LINE
from airflow_waiting import eventually


def test_deferred_run(start, sandbox):
    case = start("deferred")
    (name,) = case.launched()
    case.wait("deferred")
    url = f"{sandbox.console_url}/console/projects/flytesnacks/domains/development/executions/{name}"
    assert case.xcom("flyte_run") == {"project": "flytesnacks", "domain": "development", "name": name}
    assert case.airflow.links(case.dag_id, case.run_id) == {"Flyte console": url, "Flyte log": None}
    case.flyte.approve(name)
    case.wait("success")
    assert case.xcom()["n"] == case.n
    assert case.xcom("n") == case.n
    assert case.xcom("flyte_console_url") == url
    assert case.creates() == len(case.runs()) == 1
    assert not case.aborts()


def test_worker_killed_between_launch_and_defer(start):
    case = start("grace")
    case.waiting_process().kill()
    case.wait("running", try_number=2)
    (name,) = case.launched()
    case.logged("attaching to")
    assert "inputs differ (at)" in case.log()
    case.flyte.approve(name)
    case.wait("success")
    assert case.xcom()["n"] == case.n
    assert case.creates() == len(case.runs()) == 1
    assert not case.aborts()


def test_marking_a_deferred_task_failed_aborts_its_run_once(start, sandbox):
    case = start("deferred")
    case.wait("deferred")
    case.logged("waiting for run")  # the triggerer has it
    # Airflow cancels on_kill again every second: an abort that takes longer must survive that.
    sandbox.faults.delay("TerminateExecution", 2.5)
    sandbox.faults.fail("TerminateExecution")
    case.airflow.mark(case.dag_id, case.run_id, "failed")
    (abort,) = case.eventually(case.aborts)
    assert "deferred.run of" in abort.cause
    assert "(state: failed)" in abort.cause
    time.sleep(2)
    sandbox.faults.assert_consumed()
    assert len(case.aborts()) == 1
    assert phase(case.runs()[0]) == "ABORTED"


@pytest.mark.parametrize("state", ["failed", pytest.param("success", marks=pytest.mark.long)])
def test_marking_a_waiting_task_aborts_its_run_once(start, state):
    case = start("waiting")
    process = case.waiting_process()
    case.airflow.mark(case.dag_id, case.run_id, state)
    (abort,) = case.eventually(case.aborts)
    assert f"(state: {state})" in abort.cause
    case.eventually(lambda: not process.is_running())
    assert len(case.aborts()) == 1
    assert case.creates() == 1


def test_drained_worker_leaves_its_run_and_the_retry_attaches(start):
    case = start("waiting")
    process = case.waiting_process()
    os.kill(process.ppid(), signal.SIGTERM)  # Kubernetes ends a pod: first politely …
    if LINE >= (3, 3) or LINE < (3,):  # a supervisor of 3.1 and 3.2 does not hand the signal on
        case.logged("nobody stopped it")
    kill_what_is_left(process)  # … then not
    case.wait("running", try_number=2)
    case.logged("attaching to")
    (name,) = case.launched()
    case.flyte.approve(name)
    case.wait("success")
    assert case.creates() == 1
    assert not case.aborts()


def test_unreachable_flyte_does_not_fail_a_deferred_task(start, sandbox):
    case = start("deferred")
    (name,) = case.launched()
    case.wait("deferred")
    polled = lambda request: name in request.filters  # noqa: E731 - and not the sweep, which lists runs too
    sandbox.faults.fail("ListExecutions", code="UNAVAILABLE", times=9, when=polled)  # more than one call's own retries
    eventually(lambda: len(sandbox.faults.pending()) == 0)
    case.flyte.approve(name)
    case.wait("success", try_number=1)
    assert case.creates() == 1


def test_failed_run_is_retried_as_a_new_one(start):
    case = start("deferred")
    (first,) = case.launched()
    case.flyte.approve(first, value=False)
    second = case.launched(2)[1]
    case.flyte.approve(second)
    case.wait("success", try_number=2)
    assert [phase(run) for run in case.runs()] == ["FAILED", "SUCCEEDED"]
    assert f"run flytesnacks/development/{first} FAILED after" in case.log()


@pytest.mark.parametrize(
    ("dag_id", "state"), [("deferred", "deferred"), pytest.param("waiting", "running", marks=pytest.mark.long)]
)
def test_clearing_launches_anew_and_ends_the_old_run(start, dag_id, state):
    case = start(dag_id)
    (first,) = case.launched()
    case.wait(state)
    case.logged("Console:")
    case.airflow.clear(case.dag_id, case.run_id)
    second = case.launched(2)[1]
    case.flyte.approve(second)
    case.wait("success")
    assert [phase(run) for run in case.runs()] == ["ABORTED", "SUCCEEDED"]
    assert case.creates() == 2
    assert case.xcom("flyte_run")["name"] == second != first


def test_clearing_ends_the_old_run_when_no_triggerer_does(start, airflow):
    case = start("deferred")
    with airflow.frozen("triggerer"):
        case.wait("deferred")
        case.airflow.clear(case.dag_id, case.run_id)
        _, second = case.launched(2)
        (abort,) = case.aborts()
        assert "was cleared and starts anew" in abort.cause
    case.flyte.approve(second)
    case.wait("success")
    assert [phase(run) for run in case.runs()] == ["ABORTED", "SUCCEEDED"]


def test_deadline_aborts_the_run(start):
    case = start("limited")
    case.wait("failed")
    assert phase(case.runs()[0]) == "ABORTED"
    assert "when its timeout of 6 s passed; it was aborted. Console: http" in case.log()


@pytest.mark.matrix  # the deadline is the same; test_airflow_limits.py has the moments of execution_timeout
def test_execution_timeout_counts_while_deferred(start):
    case = start("limited_by_airflow")
    case.wait("failed")
    assert phase(case.runs()[0]) == "ABORTED"
    assert "when its execution_timeout of 6 s passed; it was aborted. Console: http" in case.log()


@pytest.mark.skipif(LINE < (3, 2), reason="clears are not all counted before 3.2: docs/versions.md")
def test_lowering_retries_meanwhile_is_no_clear(start, home):
    case = start("edited")
    process = case.waiting_process()
    edited = home.root / "edited"
    edited.touch()
    try:
        process.kill()
        case.wait("running", try_number=2)
        case.logged("attaching to")
    finally:
        edited.unlink()
    (name,) = case.launched()
    case.flyte.approve(name)
    case.wait("success")
    assert case.creates() == 1
    assert not case.aborts()


def test_a_trigger_that_moved_to_another_triggerer_leaves_the_run(start, airflow):
    case = start("deferred")
    case.wait("deferred")
    case.logged("waiting for run")
    with airflow.another_triggerer():
        with airflow.frozen("triggerer"):  # longer than the 5 s after which this Airflow takes it for dead
            case.eventually(lambda: case.log().count("waiting for run") >= 2)
        if LINE >= (3, 3):
            case.logged("another triggerer watches it")  # the first one is back, and told to stop what it had
        else:  # it is told nothing, and its log is closed
            time.sleep(10)
        assert not case.aborts()
        (name,) = case.launched()
        case.flyte.approve(name)
        case.wait("success")
    assert [phase(run) for run in case.runs()] == ["SUCCEEDED"]
    assert case.creates() == 1
    assert not case.aborts()


@pytest.mark.matrix  # test_airflow_sweep.py has one that is left alone
def test_cancel_on_kill_false_leaves_the_run(start):
    case = start("left_alone")
    case.wait("deferred")
    case.airflow.mark(case.dag_id, case.run_id, "failed")
    time.sleep(5)
    assert not case.aborts()
    assert phase(case.runs()[0]) == "RUNNING"
