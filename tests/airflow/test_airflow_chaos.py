"""The promise under further kills: other moments, other ways to end, a Flyte that restarts. One task instance, one live run."""

from __future__ import annotations

import signal
from collections import Counter

import pytest
from airflow_case import Case, launched_at, phase
from airflow_waiting import eventually
from support.flyte import INTEGER, STRING, RawFlyte

from bridge_core.sandbox import Sandbox


@pytest.mark.parametrize("dag_id", ["moving", pytest.param("moving_waits", marks=pytest.mark.matrix)])
def test_flyte_is_restarted_while_a_task_waits(airflow, tmp_path, dag_id):
    elsewhere = Sandbox(data_dir=tmp_path)
    with elsewhere:
        flyte = RawFlyte(elsewhere.endpoint)
        flyte.register("tests.held", {"n": INTEGER, "at": STRING}, gate="approve")
        airflow.connect("moving", elsewhere)
        case = Case(airflow, elsewhere, flyte, dag_id)
        (name,) = case.launched()
        case.wait("deferred" if dag_id == "moving" else "running")
        case.logged("waiting for run" if dag_id == "moving" else "Console:")
    with elsewhere:  # on the port that it had
        asked = "ListExecutions" if dag_id == "moving" else "GetExecution"
        before = elsewhere.calls.count(asked)
        eventually(lambda: elsewhere.calls.count(asked) > before, 60, explain=case.log)
        case.flyte.approve(name)
        case.wait("success", try_number=1)
        assert case.xcom()["n"] == case.n
        assert [run.id.name for run in case.flyte.executions()] == [name]
        assert case.creates() == 1
        assert not case.aborts()


@pytest.mark.matrix  # test_airflow_running.py has a kill after the launch
@pytest.mark.parametrize("moment", ["GetExecution", "CreateExecution"])
def test_a_worker_killed_while_it_launches(start, sandbox, moment):
    sandbox.faults.delay(moment, 4.0)
    case = start("waiting")
    eventually(lambda: not sandbox.faults.pending(), 60)
    case.wait("running")
    case.process().kill()
    case.wait("running", try_number=2)
    (name,) = case.launched()
    case.logged("Console:")
    case.flyte.approve(name)
    case.wait("success", try_number=2)
    assert len(case.runs()) == 1
    assert not case.aborts()


@pytest.mark.matrix
def test_a_worker_killed_while_it_waits(start):
    case = start("waiting")
    case.waiting_process().kill()
    case.wait("running", try_number=2)
    case.logged("attaching to")
    (name,) = case.launched()
    case.flyte.approve(name)
    case.wait("success", try_number=2)
    assert case.creates() == len(case.runs()) == 1
    assert not case.aborts()


@pytest.mark.matrix
def test_marking_a_deferred_task_success_aborts_its_run_once(start):
    case = start("deferred")
    case.wait("deferred")
    case.logged("waiting for run")
    case.airflow.mark(case.dag_id, case.run_id, "success")
    (abort,) = case.eventually(case.aborts)
    assert "(state: success)" in abort.cause
    assert case.creates() == 1


@pytest.mark.matrix
def test_clearing_a_task_that_succeeded_launches_anew(start):
    case = start("deferred")
    (first,) = case.launched()
    case.flyte.approve(first)
    case.wait("success")
    case.airflow.clear(case.dag_id, case.run_id)
    _, second = case.launched(2)
    case.flyte.approve(second)
    case.wait("success", try_number=2)
    assert [phase(run) for run in case.runs()] == ["SUCCEEDED", "SUCCEEDED"]
    assert not case.aborts()


@pytest.mark.matrix
@pytest.mark.parametrize("dag_id", ["limited", "limited_by_airflow"])
def test_a_deadline_outlives_the_triggerer(start, airflow, dag_id):
    case = start(dag_id)
    case.wait("deferred")
    with airflow.without("triggerer", signal.SIGKILL):
        pass
    case.wait("failed")
    assert [phase(run) for run in case.runs()] == ["ABORTED"]


@pytest.mark.long
def test_sixty_short_deferrals_with_airflows_own_settings(airflow, sandbox):
    """Airflow fails tasks that resume before it has reaped their first leg: none of ours does."""
    default = {"AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "5", "AIRFLOW__FLYTE__FIRST_EVENT_FLOOR": ""}
    with airflow.without("scheduler", env=default):
        pass
    with airflow.without("triggerer", env=default):
        pass
    try:
        airflow.trigger("short", "all", 0)
        path = "/dags/short/dagRuns/all"
        eventually(lambda: airflow.call("GET", path)["state"] in ("success", "failed"), 900, explain=airflow.logs)
        tasks = airflow.call("GET", f"{path}/taskInstances?limit=100")["task_instances"]
        assert Counter((task["state"], task["try_number"]) for task in tasks) == {("success", 1): 60}
        launched = [request.name for request in launched_at(sandbox, "short")]
        assert len(set(launched)) == len(launched) == 60
    finally:
        for component in ("scheduler", "triggerer"):
            with airflow.without(component):
                pass
