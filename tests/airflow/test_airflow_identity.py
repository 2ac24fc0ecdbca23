"""A task instance is not its names: made again, or in another Airflow, it is another one, with a run of its own."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from airflow_home import AirflowHome
from airflow_waiting import eventually
from support.matrix import rows
from support.ports import free_ports

numbers = itertools.count(5001)
DAGS = Path(__file__).parent / "dags"


@pytest.fixture
def made(sandbox):
    """Names of the runs that were launched with this number, oldest first; of a DAG with days, those of one day."""

    def created(n, day=None):
        calls = sandbox.calls.of("CreateExecution")
        return [
            call.request.name
            for call in calls
            if call.code == "OK"
            and call.request.inputs.literals["n"].scalar.primitive.integer == n
            and day in {None, call.request.inputs.literals["at"].scalar.primitive.string_value}
        ]

    return created


def aborted(sandbox, name):
    return [call.request.cause for call in sandbox.calls.of("TerminateExecution") if call.request.id.name == name]


def ended(airflow, dag_id, run_id):
    eventually(lambda: airflow.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"] in {"success", "failed"})


def test_a_dag_run_deleted_and_made_again_launches_anew(airflow, flyte, made, sandbox):
    first, second = next(numbers), next(numbers)
    airflow.trigger("deferred", "again", first)
    (old,) = eventually(lambda: made(first))
    flyte.approve(old)
    airflow.wait("deferred", "again", "success")
    ended(airflow, "deferred", "again")
    airflow.call("DELETE", "/dags/deferred/dagRuns/again")
    airflow.trigger("deferred", "again", second)
    (new,) = eventually(lambda: made(second))
    flyte.approve(new)
    airflow.wait("deferred", "again", "success")
    assert airflow.xcom("deferred", "again")["n"] == second
    assert (len(made(first)), len(made(second))) == (1, 1)
    assert not aborted(sandbox, old) + aborted(sandbox, new)


def test_what_a_deleted_dag_run_left_running_is_aborted_and_not_attached_to(airflow, flyte, made, sandbox):
    n = next(numbers)  # the same inputs: only the task instance is another one
    with airflow.without("triggerer"):  # nobody is there to stop the deleted one
        airflow.trigger("deferred", "left", n)
        (old,) = eventually(lambda: made(n))
        airflow.wait("deferred", "left", "deferred")
        airflow.call("PATCH", "/dags/deferred/dagRuns/left", state="failed")
        airflow.scheduler_looked()
        airflow.call("DELETE", "/dags/deferred/dagRuns/left")
        airflow.trigger("deferred", "left", n)
        _, new = eventually(lambda: runs if len(runs := made(n)) == 2 else None)
        (cause,) = aborted(sandbox, old)
        assert "its DAG run was deleted and made again" in cause
    flyte.approve(new)
    airflow.wait("deferred", "left", "success")
    assert made(n) == [old, new]
    assert not aborted(sandbox, new)


def test_a_backfill_made_again_launches_anew(airflow, made):
    """A backfill calls its DAG runs ``backfill__<date>``, every time."""
    first, second = next(numbers), next(numbers)
    airflow.call("PATCH", "/dags/daily", is_paused=False)
    airflow.call("POST", "/variables", key="daily_n", value=str(first))
    _backfill(airflow, first, made)
    airflow.call("PATCH", "/variables/daily_n", key="daily_n", value=str(second))
    _backfill(airflow, second, made)


def _backfill(airflow, n, made):
    """One day, from its start to the deletion of its DAG run."""
    day = "2026-02-03T00:00:00Z"

    def begun():
        try:
            return airflow.call("POST", "/backfills", dag_id="daily", from_date=day, to_date=day, max_active_runs=1)
        except AssertionError as error:
            if "503" in str(error) and "Database is locked" in str(
                error
            ):  # Airflow says so of SQLite, and makes none then
                return None
            raise

    eventually(begun)
    (run,) = eventually(lambda: airflow.call("GET", "/dags/daily/dagRuns?run_type=backfill")["dag_runs"])
    run_id = run["dag_run_id"]
    airflow.wait("daily", run_id, "success")
    assert airflow.xcom("daily", run_id)["n"] == n
    assert len(made(n, "2026-02-03")) == 1, "besides what the schedule launches of today"
    ended(airflow, "daily", run_id)
    airflow.scheduler_looked()  # else what the worker's end says is taken for the next one's: it has the same name
    airflow.call("DELETE", f"/dags/daily/dagRuns/{run_id}")
    # Airflow finishes a backfill some time after its last run; there is one at a time.
    for backfill in airflow.call("GET", "/backfills?dag_id=daily")["backfills"]:
        if backfill["completed_at"] is None:
            airflow.call("PUT", f"/backfills/{backfill['id']}/cancel")


@pytest.mark.matrix
def test_two_airflows_with_one_dag_on_one_flyte_share_nothing(home, sandbox, tmp_path, made):
    ports = free_ports(3)
    other = AirflowHome(tmp_path, sandbox, dags=DAGS, port=ports[0], ports={"worker": ports[1], "trigger": ports[2]})
    other.migrate()
    n = next(numbers)
    for airflow in (home, other):  # the same run id in both
        airflow.airflow("dags", "test", "twin", "2026-03-04", "--conf", json.dumps({"n": n}))
    assert len(set(made(n))) == 2
    assert home.xcom("twin", "run", "flyte_run") != other.xcom("twin", "run", "flyte_run")
    said = [
        call.request.spec.labels.values["flyte-bridge-origin"]
        for call in sandbox.calls.of("CreateExecution")
        if call.request.name in made(n)
    ]
    assert len(set(said)) == 2, "one of them clears its task: it finds its own runs only"


def test_what_a_run_says_about_its_task(airflow, flyte, made, sandbox):
    from bridge_core import Client, RunRef

    n = next(numbers)
    airflow.trigger("deferred", "says", n)
    (name,) = eventually(lambda: made(n))
    with Client(sandbox.config()) as client:
        by = client.describe(RunRef("flytesnacks", "development", name)).provenance
    assert (by.source, by.installation, by.job, by.run, by.task, by.part) == (
        "airflow",
        airflow.instance_id(),
        "deferred",
        "says",
        "run",
        "",
    )
    assert (by.attempt, by.awaited) == (1, True)
    assert by.url.startswith(f"http://127.0.0.1:{airflow.home.port}/dags/deferred/runs/says/tasks/run")
    flyte.approve(name)
    airflow.wait("deferred", "says", "success")


@pytest.mark.parametrize("state", ["scheduled", *rows("queued", "none")])
def test_a_task_that_airflow_took_back_keeps_its_run(airflow, flyte, made, sandbox, state):
    """What a scheduler's restart and its reset of orphans do to a task whose worker lives: the worker ends, its run does not."""
    n = next(numbers)
    run_id = f"reset-{state}"
    airflow.trigger("waiting", run_id, n)
    (name,) = eventually(lambda: made(n))
    airflow.wait("waiting", run_id, "running")
    eventually(lambda: "Console:" in airflow.task_log("waiting", run_id))
    with airflow.frozen("scheduler", alone=True):  # or it would launch the next try before the worker of this one looks
        airflow.home.script("reset_task.py", "waiting", run_id, state)
        eventually(lambda: "nobody stopped it" in airflow.task_log("waiting", run_id), 60)
    airflow.home.script("reset_task.py", "waiting", run_id, "none")
    airflow.wait("waiting", run_id, "running", timeout=90)
    eventually(
        lambda: (
            "attached to" in airflow.task_log("waiting", run_id)
            or "attaching to" in airflow.task_log("waiting", run_id)
        ),
        60,
    )
    flyte.approve(name)
    airflow.wait("waiting", run_id, "success")
    assert made(n) == [name]
    assert not aborted(sandbox, name)
