"""The promise again, while Flyte refuses us, connections change, and pods end: one task instance, one live Flyte run."""

from __future__ import annotations

import os
import signal
import time

import pytest
from airflow_case import kill_what_is_left, phase
from airflow_home import LINE
from airflow_waiting import eventually
from support.flyte import INTEGER, STRING, RawFlyte
from support.matrix import rows

from bridge_core.sandbox import Sandbox


@pytest.mark.parametrize("times", [4, pytest.param(24, marks=[pytest.mark.long])])
@pytest.mark.parametrize(("dag_id", "method"), [("deferred", "ListExecutions"), *rows(("waiting", "GetExecution"))])
def test_a_flyte_that_refuses_our_credentials_for_a_while_costs_no_try(start, sandbox, dag_id, method, times):
    case = start(dag_id)
    (name,) = case.launched()
    case.logged("Console:")
    case.wait("deferred" if dag_id == "deferred" else "running")
    polled = (lambda request: name in request.filters) if method == "ListExecutions" else None  # sweeps list runs too
    sandbox.faults.expire(
        method, times=times, when=polled
    )  # every other one with renewed credentials; five seconds lie between
    eventually(lambda: not sandbox.faults.pending(), 30 + 5 * times)
    case.logged("UNAUTHENTICATED")
    case.flyte.approve(name)
    case.wait("success", try_number=1)
    assert case.creates() == 1
    assert not case.aborts()


def test_a_flyte_that_refuses_our_credentials_at_the_launch_costs_no_try(start, sandbox):
    sandbox.faults.expire("CreateExecution", times=4)
    case = start("deferred")
    case.logged("UNAUTHENTICATED")
    case.flyte.approve(case.launched()[0])
    case.wait("success", try_number=1)
    sandbox.faults.assert_consumed()
    assert len(case.runs()) == 1
    assert not case.aborts()


@pytest.mark.long
def test_a_minute_of_refusals(start, sandbox):
    """While one task launches and two wait: no try is spent, and nothing is launched twice."""
    deferred, waiting = start("deferred"), start("waiting")
    waiting.waiting_process()
    deferred.wait("deferred")
    for method in ("CreateExecution", "GetExecution", "GetExecutionData", "ListExecutions"):
        sandbox.faults.expire(method, times=1_000_000)
    made = [call for call in sandbox.calls.of("CreateExecution") if call.code == "OK"]
    launching = start("deferred")
    launching.logged("UNAUTHENTICATED")
    time.sleep(60)
    assert [call for call in sandbox.calls.of("CreateExecution") if call.code == "OK"] == made
    sandbox.faults.clear()
    for case in (deferred, waiting, launching):
        case.flyte.approve(case.launched()[0])
    for case in (deferred, waiting, launching):
        case.wait("success", try_number=1)
        assert len(case.runs()) == 1
        assert not case.aborts()


def test_stopping_a_task_while_its_run_is_made_leaves_no_run(start, sandbox):
    sandbox.faults.delay("CreateExecution", 2.5)
    case = start("waiting")
    case.wait("running")
    eventually(lambda: not sandbox.faults.pending())  # on its way
    case.airflow.mark(case.dag_id, case.run_id, "failed")
    (abort,) = case.eventually(case.aborts)
    assert abort.cause.endswith("was stopped (state: failed)")
    assert [phase(run) for run in case.runs()] == ["ABORTED"]
    assert case.creates() == 1


@pytest.mark.matrix  # test_airflow_running.py has a worker that is drained
def test_each_try_in_a_pod_of_its_own(start):
    """Nothing is on disk that a try before left there, and a pod ends with SIGTERM, then SIGKILL."""
    case = start("pod")
    process = case.waiting_process()
    os.kill(process.ppid(), signal.SIGTERM)
    if LINE >= (3, 3) or LINE < (3,):  # a supervisor of 3.1 and 3.2 does not hand the signal on
        case.logged("nobody stopped it")
    kill_what_is_left(process)
    case.wait("running", try_number=2)
    case.logged("launched by an earlier try")
    (name,) = case.launched()
    case.flyte.approve(name)
    case.wait("success")
    assert case.creates() == 1
    assert not case.aborts()


def test_a_connection_edited_while_a_task_waits(start, airflow, sandbox):
    """New tasks go to the new Flyte, and what waits finishes where it began."""
    with Sandbox() as elsewhere:
        there = RawFlyte(elsewhere.endpoint)
        there.register("tests.held", {"n": INTEGER, "at": STRING}, gate="approve")
        airflow.connect("moving", sandbox)
        old = start("moving")
        (name,) = old.launched()
        old.wait("deferred")
        old.logged("waiting for run")
        airflow.connect("moving", elsewhere)
        new = start("moving")
        new.wait("deferred")
        (run,) = there.executions()
        there.approve(run.id.name)
        new.wait("success", try_number=1)
        assert new.xcom()["n"] == new.n
        old.flyte.approve(name)
        old.wait("success", try_number=1)
        assert old.xcom()["n"] == old.n
        assert (old.creates(), new.creates(), len(there.executions())) == (1, 0, 1)
        assert not old.aborts()
