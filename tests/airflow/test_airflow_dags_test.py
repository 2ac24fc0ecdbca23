"""The example DAG, as a user would try it: `airflow dags test` against a real (embedded) Flyte."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from airflow_case import launched_at, phase
from airflow_home import LINE, PATIENCE
from airflow_waiting import eventually

pytestmark = pytest.mark.timeout(180 * PATIENCE)


@pytest.fixture(scope="module")
def tested(home, examples, flyte):
    """The example was run; its second task deferred, because no grace was given and the run was held."""
    others = {run.id.name for run in flyte.executions()}
    approver = threading.Thread(target=approve_first, args=(flyte, "workflows.train", others))
    approver.start()
    yield home.airflow(
        "dags",
        "test",
        "flyte_run_workflow",
        "2026-03-01",
        env={
            **home.only(examples / "airflow_run_workflow.py"),
            "AIRFLOW__FLYTE__SYNC_GRACE": "0",
            "AIRFLOW__FLYTE__FIRST_EVENT_FLOOR": "0.5",
        },
    )
    approver.join()


def approve_first(flyte, entity, others):
    """Lets the first new run of this launch plan go on, two seconds after it appeared."""
    for _ in range(600):
        for run in flyte.executions():
            if run.spec.launch_plan.name == entity and run.id.name not in others:
                time.sleep(2)
                flyte.approve(run.id.name)
                return
        time.sleep(0.1)


def test_outputs_of_both_modes_are_xcoms(tested, home):
    assert home.xcom("flyte_run_workflow", "extract") == {"day": "2026-03-01", "limit": 100}
    assert home.xcom("flyte_run_workflow", "train") == {"day": "2026-03-01", "epochs": 3}
    assert "DEFERRED" in tested


def test_run_and_console_url_are_xcoms(home, tested, sandbox, flyte):
    for task in ("extract", "train"):
        run = home.xcom("flyte_run_workflow", task, "flyte_run")
        assert run["project"] == "flytesnacks"
        url = home.xcom("flyte_run_workflow", task, "flyte_console_url")
        assert url == f"{sandbox.console_url}/console/projects/flytesnacks/domains/development/executions/{run['name']}"
    report = home.xcom("flyte_run_workflow", "report")
    assert report == f"trained on 2026-03-01 for 3 epochs: {url}"


def test_each_task_launched_one_run_with_its_options(home, tested, flyte):
    names = {home.xcom("flyte_run_workflow", task, "flyte_run")["name"] for task in ("extract", "train")}
    runs = [run for run in flyte.executions() if run.id.name in names]
    assert len(runs) == len(names) == 2
    labels = next(run.spec.labels.values for run in runs if run.spec.launch_plan.name == "workflows.train")
    assert labels["team"] == "forecasting"


@pytest.mark.skipif(LINE < (3, 2), reason="held here, `dags test` of Airflow 3.1 itself ends the DAG run")
def test_the_triggerer_of_a_running_airflow_leaves_the_run(airflow, flyte, sandbox):
    """It finds the trigger in their database, and is told to drop it: the task is not deferred, but tested."""
    triggers = "select count(*) from trigger where classpath like '%FlyteRunTrigger'"
    at = "tested by hand"
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(airflow.home.script, "dags_test_beside.py", "by_hand", json.dumps({"n": 1, "at": at}))
        eventually(lambda: airflow.home.query(triggers) == [(1,)] or done.done(), 90)
        eventually(lambda: airflow.home.query(triggers) == [(0,)] or done.done(), 90, explain=airflow.logs)
        time.sleep(3)  # what the triggerer would do about it
        (launched,) = launched_at(sandbox, at)
        flyte.approve(launched.name)
        said = done.result()
        assert "ended success" in said, said[-6000:]
    (run,) = [run for run in flyte.executions() if run.id.name == launched.name]
    assert phase(run) == "SUCCEEDED"
