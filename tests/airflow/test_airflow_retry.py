"""What a retry does after a failed run, and what a task's log says while a run goes on and when it failed."""

from __future__ import annotations

import json

import pytest
from airflow_case import phase
from airflow_home import LINE
from airflow_waiting import eventually
from flyteidl.admin import execution_pb2

MODES = execution_pb2.ExecutionMetadata
EVENT_OF_OUTLET = (
    "select cast(e.extra as text) from asset_event e join asset a on a.id = e.asset_id where a.name = ?"
    if LINE >= (3,)
    else "select cast(e.extra as text) from dataset_event e join dataset d on d.id = e.dataset_id where d.uri = ?"
)


def run_of(case, name):
    return next(run for run in case.flyte.executions() if run.id.name == name)


@pytest.mark.parametrize(
    ("mode", "made"),
    [
        ("recover", MODES.RECOVERED),
        pytest.param("relaunch", MODES.RELAUNCH, marks=pytest.mark.long),
        pytest.param("fresh", MODES.MANUAL, marks=pytest.mark.long),
    ],
)
def test_a_retry_after_a_failed_run(start, home, mode, made):
    case = start(f"retry_{mode}")
    (first,) = case.launched()
    case.flyte.approve(first, value=False)

    def next_run():
        name = home.xcom(case.dag_id, "run", "flyte_run")["name"]
        return name if name != first else None

    case.wait("running", "deferred", try_number=2)
    second = eventually(lambda: case.airflow.task(case.dag_id, case.run_id)["state"] == "deferred" and next_run(), 60)
    case.flyte.approve(second)
    case.wait("success", try_number=2)
    run = run_of(case, second)
    assert phase(run_of(case, first)) == "FAILED"
    assert (phase(run), run.spec.metadata.mode) == ("SUCCEEDED", made)
    if mode == "fresh":
        assert run.spec.overwrite_cache
    else:
        assert run.spec.metadata.reference_execution.name == first
        assert run.spec.annotations.values[
            "flyte-bridge-provenance"
        ]  # so that it is found, and swept, as the first one
        assert case.creates() == 1


@pytest.mark.long
def test_a_retry_that_is_killed_after_it_recovered_attaches(start, home):
    """The recovered run has the name of its attempt: whoever comes next finds it."""
    case = start("retry_recover")
    (first,) = case.launched()
    case.flyte.approve(first, value=False)
    case.wait("deferred", try_number=2)
    second = home.xcom(case.dag_id, "run", "flyte_run")["name"]
    assert second != first
    case.airflow.clear(case.dag_id, case.run_id)  # a new epoch: launches anew, and ends what lives
    eventually(lambda: phase(run_of(case, second)) == "ABORTED", 60, explain=case.log)
    third = eventually(lambda: [run.id.name for run in case.runs() if run.id.name not in (first, second)], 60)[0]
    case.flyte.approve(third)
    case.wait("success")
    assert phase(run_of(case, third)) == "SUCCEEDED"


@pytest.mark.parametrize("dag_id", [pytest.param("broken", marks=pytest.mark.long), "broken_deferred"])
def test_a_failed_task_shows_its_log(start, dag_id):
    """A run of a single Flyte task: it has a prefix of its own."""
    case = start(dag_id)
    case.wait("failed")
    name = case.xcom("flyte_run")["name"]
    assert name.startswith("airtask-")
    links = case.airflow.links(case.dag_id, case.run_id)
    assert links["Flyte console"].endswith(f"/executions/{name}")
    assert "://" in links["Flyte log"]
    assert f"attempt 1: {links['Flyte log']}" in case.log()


@pytest.mark.parametrize(
    ("dag_id", "state", "indexes"),
    [
        pytest.param(
            "slow_deferred",
            "deferred",
            (0, 1),
            marks=pytest.mark.skipif(LINE < (3,), reason="the API of Airflow 2 knows no links of mapped tasks"),
        ),
        pytest.param("slow", "running", (-1,), marks=pytest.mark.matrix),
    ],
)
def test_the_log_of_what_runs_is_a_link_while_the_task_waits(airflow, start, dag_id, state, indexes):
    case = start(dag_id)

    def logs():
        found = [airflow.links(dag_id, case.run_id, map_index=index).get("Flyte log") for index in indexes]
        return found if all(found) else None

    found = eventually(logs, 90, explain=case.log)
    assert len(set(found)) == len(indexes), "each its own"
    assert all("://" in url for url in found)
    listed = airflow.call("GET", f"/dags/{dag_id}/dagRuns/{case.run_id}/taskInstances")["task_instances"]
    assert {task["state"] for task in listed} == {state}
    assert all(f"attempt 1: {url}" in case.log() for url in found)
    airflow.call("PATCH", f"/dags/{dag_id}/dagRuns/{case.run_id}", state="failed")  # ends the runs


@pytest.mark.parametrize("dag_id", ["telling", pytest.param("telling_deferred", marks=pytest.mark.long)])
def test_what_the_nodes_do_is_told_while_waiting_and_where_the_log_is(start, dag_id):
    case = start(dag_id)
    (name,) = case.launched()
    case.logged("node n0 is RUNNING")
    case.flyte.approve(name, value=False)
    case.wait("failed")
    assert case.log().count("node n0 is RUNNING") == 1, "each line once"
    assert f"run flytesnacks/development/{name} FAILED after" in case.log()


@pytest.mark.parametrize("dag_id", [pytest.param("outlet", marks=pytest.mark.long), "outlet_deferred"])
def test_the_event_of_an_outlet_says_which_run_made_it(start, home, dag_id):
    case = start(dag_id)
    (name,) = case.launched()
    case.flyte.approve(name)
    case.wait("success")
    ((extra,),) = home.query(EVENT_OF_OUTLET, dag_id)
    told = json.loads(extra)["flyte"]
    assert told["run"] == case.xcom("flyte_run")
    assert told["entity"].startswith("launch_plan:flytesnacks/development/tests.held@")
    assert told["console_url"].endswith(f"/executions/{name}")
    assert told["outputs"]["n"] == case.n


def test_an_authors_fault_is_not_tried_again_when_asked(start):
    case = start("final")
    (name,) = case.launched()
    case.flyte.approve(name, value=False)
    case.wait("failed", try_number=1)
    assert "user: not retried, user_errors='fail'" in case.log()
    assert case.creates() == 1
