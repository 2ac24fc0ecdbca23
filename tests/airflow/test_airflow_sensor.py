"""`FlyteRunSensor` in all its modes, through the whole of Airflow: it waits for runs of others and never ends one."""

from __future__ import annotations

import signal

import pytest
from airflow_case import numbers, phase
from airflow_waiting import eventually

from bridge_core import Client, LaunchRequest, RunOptions


@pytest.fixture(scope="module")
def launch(sandbox):
    """Launches a held run with the label that sensors of this number look for."""
    with Client(sandbox.config()) as client:
        yield lambda n: client.launch(
            LaunchRequest(
                "launch_plan:flytesnacks/development/tests.held",
                inputs={"n": n, "at": "sensed"},
                options=RunOptions(labels={"sensed": f"n{n}"}),
            )
        )


def pokes(case):
    return case.log().count("RUNNING")


@pytest.mark.parametrize(
    "dag_id",
    [
        pytest.param("sense_poke", marks=pytest.mark.long),
        "sense_deferred_run",
        pytest.param("sense_start_run", marks=pytest.mark.long),
    ],
)
def test_a_run_by_its_name(start, launch, sandbox, dag_id):
    ref = launch(n := next(numbers))
    case = start(dag_id, n=n, run=str(ref))
    case.wait("running" if dag_id == "sense_poke" else "deferred")
    case.logged("RUNNING" if dag_id == "sense_poke" else "waiting for run")
    case.flyte.approve(ref.name)
    case.wait("success", try_number=1)
    assert case.xcom() == case.xcom("flyte_run") == ref.to_dict()
    assert case.airflow.links(case.dag_id, case.run_id)["Flyte console"].endswith(f"/executions/{ref.name}")
    assert not case.aborts()


@pytest.mark.parametrize("dag_id", ["sense_reschedule", pytest.param("sense_start", marks=pytest.mark.matrix)])
def test_the_newest_run_that_a_query_finds(start, launch, dag_id):
    case = start(dag_id)
    case.logged("there is none yet" if dag_id == "sense_reschedule" else "there is no such run yet")
    ref = launch(case.n)
    case.logged(f"run {ref} RUNNING")
    case.flyte.approve(ref.name)
    case.wait("success", try_number=1)
    assert case.xcom() == ref.to_dict()


@pytest.mark.long
def test_no_worker_is_taken_before_the_run_has_ended(start, launch):
    case = start("sense_start")
    task = case.wait("deferred")
    assert (task["pid"], task["start_date"]) == (None, None) or task["hostname"] in ("", None)
    case.flyte.approve(launch(case.n).name)
    case.wait("success")


def test_a_failed_run_may_mean_that_another_one_comes(start, launch):
    case = start("sense_deferred")
    first = launch(case.n)
    case.flyte.approve(first.name, value=False)
    case.logged("FAILED after")
    second = launch(case.n)
    case.flyte.approve(second.name)
    case.wait("success", try_number=1)
    assert case.xcom() == second.to_dict()


@pytest.mark.long
def test_a_failed_run_fails_the_sensor(start, launch):
    ref = launch(n := next(numbers))
    case = start("sense_poke", n=n, run=str(ref))
    case.flyte.approve(ref.name, value=False)
    case.wait("failed")
    assert f"run {ref} FAILED after" in case.log()


@pytest.mark.long
def test_a_failed_run_skips_a_soft_sensor(start, launch):
    ref = launch(n := next(numbers))
    case = start("sense_deferred_run", n=n, run=str(ref))
    case.wait("deferred")
    case.flyte.approve(ref.name, value=False)
    case.wait("skipped")


@pytest.mark.long
def test_a_run_that_does_not_exist_is_named(start):
    case = start("sense_start_run", run="flytesnacks/development/nobody")
    case.wait("failed")
    assert "flytesnacks/development/nobody" in case.log()


@pytest.mark.long
def test_too_late(start):
    case = start("sense_late")
    case.wait("failed")
    assert "AirflowSensorTimeout" in case.log() or "timed out" in case.log()


@pytest.mark.long
def test_stopping_a_sensor_leaves_the_run(start, launch, sandbox):
    ref = launch(n := next(numbers))
    case = start("sense_deferred_run", n=n, run=str(ref))
    case.wait("deferred")
    case.logged("waiting for run")
    case.airflow.mark(case.dag_id, case.run_id, "failed")
    looks = sandbox.calls.count("ListExecutions")
    eventually(lambda: sandbox.calls.count("ListExecutions") > looks + 3)
    assert [phase(run) for run in case.runs()] == ["RUNNING"]


def test_a_flyte_that_is_away_for_a_while_fails_no_sensor(start, launch, sandbox):
    reschedule, deferred = start("sense_reschedule"), start("sense_deferred")
    for case in (reschedule, deferred):
        case.logged("yet")
    sandbox.faults.fail("ListExecutions", code="UNAVAILABLE", times=12)
    eventually(lambda: not sandbox.faults.pending())
    for case in (reschedule, deferred):
        case.flyte.approve(launch(case.n).name)
        case.wait("success", try_number=1)


@pytest.mark.long
def test_sensors_live_through_a_triggerer_that_is_killed(start, airflow, launch):
    named = launch(n := next(numbers))
    cases = [start("sense_start"), start("sense_deferred"), start("sense_deferred_run", n=n, run=str(named))]
    for case in cases:
        case.wait("deferred")
    with airflow.without("triggerer", signal.SIGKILL):
        refs = [launch(cases[0].n), launch(cases[1].n), named]
        for case, ref in zip(cases, refs, strict=True):
            case.flyte.approve(ref.name)
    for case, ref in zip(cases, refs, strict=True):
        case.wait("success", try_number=1)
        assert case.xcom() == ref.to_dict()
