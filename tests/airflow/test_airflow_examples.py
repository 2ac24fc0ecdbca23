"""Each example of a feature, as a user would run it: in a running Airflow, against a real (embedded) Flyte."""

from __future__ import annotations

import time

import pytest
from airflow_case import phase
from airflow_home import LINE
from airflow_waiting import eventually
from support.matrix import rows

from bridge_core import Client, LaunchRequest

WAITING = ("deferred", "awaiting_input")
"""What Airflow calls a task that waits for a person: since 3.3 the latter."""
FLOOR = 5
"""Seconds that a person takes. Airflow 3.3.2 fails a task that is resumed while the worker of its first leg is being reaped
(`_compat.first_event_floor`), also its own that wait for a person."""


@pytest.fixture(scope="module")
def extract(sandbox):
    """Launches what the examples wait for; it ends at once."""
    with Client(sandbox.config()) as client:

        def launch(limit):
            entity = "launch_plan:flytesnacks/development/workflows.extract"
            ref = client.launch(LaunchRequest(entity, inputs={"day": "2026-11-20", "limit": limit}))
            client.wait(ref)
            return ref

        yield launch


@pytest.fixture
def unpaused(airflow):
    """The DAG's first run, once the scheduler or the test has made one."""
    woken = []

    def wake(dag_id, *, trigger=False):
        airflow.call("PATCH", f"/dags/{dag_id}", is_paused=False)
        woken.append(dag_id)
        if trigger:
            airflow.call("POST", f"/dags/{dag_id}/dagRuns", dag_run_id="by-hand", logical_date=None)
        return eventually(lambda: runs_of(airflow, dag_id), 90, explain=airflow.logs)[0]["dag_run_id"]

    yield wake
    for dag_id in woken:
        airflow.call("PATCH", f"/dags/{dag_id}", is_paused=True)


def runs_of(airflow, dag_id):
    return airflow.call("GET", f"/dags/{dag_id}/dagRuns")["dag_runs"]


def states(airflow, dag_id, run_id):
    tasks = airflow.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
    return {task["task_id"]: task["state"] for task in tasks}


def xcom(airflow, dag_id, run_id, task_id, key="return_value"):
    path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
    return airflow.call("GET", path)["value"]


def ended(airflow, dag_id, run_id, state="success"):
    def probe():
        return airflow.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"] in ("success", "failed")

    eventually(probe, 100, explain=lambda: f"{states(airflow, dag_id, run_id)}\n{airflow.logs()}")
    assert airflow.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"] == state, states(airflow, dag_id, run_id)


def test_airflow_wait_for_run(airflow, unpaused, extract):
    run_id = unpaused("flyte_wait_for_run")
    extract(17)
    ended(airflow, "flyte_wait_for_run", run_id)
    assert xcom(airflow, "flyte_wait_for_run", run_id, "outputs") == {"day": "2026-11-20", "limit": 17}


def test_airflow_decorator(airflow, unpaused):
    run_id = unpaused("flyte_decorator")
    ended(airflow, "flyte_decorator", run_id)
    assert xcom(airflow, "flyte_decorator", run_id, "total") == 30


@pytest.mark.matrix  # test_airflow_events.py has the watch itself
@pytest.mark.skipif(LINE < (3, 3), reason="it looks where Airflow keeps states of assets since 3.3")
def test_airflow_on_run_end(airflow, extract):
    watch = "select count(*) from asset_state_store s join asset a on a.id = s.asset_id where a.name = 'model'"
    eventually(lambda: airflow.home.query(watch) == [(1,)], 90, explain=airflow.logs)
    ref = extract(18)

    def told():
        runs = [run for run in runs_of(airflow, "flyte_on_run_end") if run["state"] == "success"]
        return [line for run in runs for line in xcom(airflow, "flyte_on_run_end", run["dag_run_id"], "publish")]

    def stored():
        """Where it stopped: at the watch, at the event, or at the DAG run that Airflow makes of it."""
        tables = ("asset_state_store", "asset_event", "asset_dag_run_queue")
        rows = "\n".join(f"{table}: {airflow.home.query(f'select * from {table}')}" for table in tables)
        return f"{told()}\n{runs_of(airflow, 'flyte_on_run_end')}\n{rows}\n{airflow.logs()}"

    line = f"SUCCEEDED {ref.name}: http"
    eventually(lambda: [found for found in told() if found.startswith(line)], 90, explain=stored)


@pytest.mark.parametrize(("answer", "end"), [("Approve", "SUCCEEDED"), *rows(("Reject", "ABORTED"))])
def test_airflow_approve(airflow, flyte, answer, end):
    dag_id, run_id = "flyte_approve", f"run-{answer}"
    airflow.call("PATCH", f"/dags/{dag_id}", is_paused=False)
    airflow.call("POST", f"/dags/{dag_id}/dagRuns", dag_run_id=run_id, logical_date=None)
    eventually(lambda: states(airflow, dag_id, run_id)["ask"] in WAITING, 90, explain=airflow.logs)
    time.sleep(FLOOR)
    path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/ask/-1/hitlDetails"
    airflow.call("PATCH", path, chosen_options=[answer], params_input={})
    ended(airflow, dag_id, run_id)
    name = xcom(airflow, dag_id, run_id, "train", "flyte_run")["name"]
    assert [phase(run) for run in flyte.executions() if run.id.name == name] == [end]
