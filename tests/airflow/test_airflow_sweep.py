"""Tasks that are stopped while nobody is there to stop their runs: by hand, and when a scheduler takes its tasks back."""

from __future__ import annotations

import json
import signal
import socket
import subprocess

import pytest
from airflow_case import phase
from airflow_home import BIN, LINE
from airflow_waiting import eventually


def reap(airflow, sandbox, *arguments, token=None, code=0):
    """Runs the command with a token of this Airflow."""
    done = subprocess.run(
        [
            *(str(BIN / "flyte-bridge"), "airflow", "reap", "--url", f"http://127.0.0.1:{airflow.home.port}"),
            *("--endpoint", sandbox.endpoint, "--insecure", "--project", "flytesnacks", "--domain", "development"),
            *("--pause", "1", *arguments),
        ],
        env={**airflow.home.env, "AIRFLOW_API_TOKEN": token or airflow.token()},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


by_hand = pytest.mark.skipif(LINE < (3,), reason="the command speaks the API of Airflow 3")


@pytest.mark.matrix  # test_airflow_many.py has many of them, on Airflow 3
def test_by_a_triggerer_that_comes_back(start, airflow):
    case, alone = start("deferred"), start("left_alone")
    for one in (case, alone):
        one.wait("deferred")
    with airflow.without("triggerer"):
        for one in (case, alone):
            airflow.mark(one.dag_id, one.run_id, "failed")
    (abort,) = case.eventually(case.aborts, 100)
    assert abort.cause.endswith(("nobody waits for the run", "failed)"))
    assert phase(alone.runs()[0]) == "RUNNING"


@by_hand
def test_by_hand(start, airflow, sandbox):
    waits, stopped, alone = start("waiting"), start("deferred"), start("left_alone")
    with airflow.without("triggerer"):
        waits.waiting_process()
        for case in (stopped, alone):
            case.wait("deferred")
            airflow.mark(case.dag_id, case.run_id, "failed")
        ((name,), (left,), (lives,)) = (case.launched() for case in (stopped, alone, waits))
        said = reap(airflow, sandbox, "--dry-run")
        assert f"would abort flytesnacks/development/{name}: Airflow task {stopped.dag_id}.run of" in said
        assert "1 run that nobody waits for" in said
        assert not stopped.aborts()
        (row,) = json.loads(reap(airflow, sandbox, "--output", "json"))
        assert row["run"] == f"flytesnacks/development/{name}"
        (abort,) = stopped.aborts()
        assert abort.cause.endswith("is over (state: failed), and nobody waits for the run")
        assert "0 runs" in reap(airflow, sandbox)
    assert [phase(case.runs()[0]) for case in (alone, waits)] == ["RUNNING", "RUNNING"]
    assert left not in said
    waits.flyte.approve(lives)
    waits.wait("success")


@by_hand
def test_who_may_not_ask_airflow_aborts_nothing(start, airflow, sandbox):
    case = start("waiting")
    case.waiting_process()
    said = reap(airflow, sandbox, token="wrong", code=5)
    assert "AIRFLOW_API_TOKEN" in said
    (name,) = case.launched()
    case.flyte.approve(name)
    case.wait("success")
    assert not case.aborts()


def test_a_flyte_that_does_not_answer_keeps_no_other_from_being_swept(start, airflow, sandbox):
    stopped = start("deferred")
    stopped.wait("deferred")  # there is something to look for
    with socket.create_server(("127.0.0.1", 0)) as silent:
        extra = {"insecure": True, "project": "flytesnacks", "domain": "development", "rpc_timeout": 300}
        host, port = silent.getsockname()
        silent.settimeout(60)
        airflow.call(
            "POST",
            "/connections",
            connection_id="silent",
            conn_type="flyte",
            host=host,
            port=port,
            extra=json.dumps(extra),
        )
        try:
            asked, _ = silent.accept()
            with asked:
                before = sandbox.calls.count("ListExecutions")
                airflow.mark(stopped.dag_id, stopped.run_id, "failed")  # ends the triggerer's own questions
                eventually(lambda: sandbox.calls.count("ListExecutions") > before + 8)
        finally:
            airflow.call("DELETE", "/connections/silent")


def test_a_slow_scheduler_fails_no_quick_task(start, airflow):
    """Airflow fails a task that resumes before its scheduler has noticed that the first leg ended."""
    case = start("deferred")
    (name,) = case.launched()
    case.wait("deferred")
    with airflow.frozen("scheduler", alone=True):
        case.flyte.approve(name)
        with pytest.raises(AssertionError):  # longer than the 4 s that these tests hold an event back at least
            eventually(lambda: case.airflow.task(case.dag_id, case.run_id)["state"] != "deferred", 9)
    case.wait("success", try_number=1, timeout=90)
    assert case.creates() == 1


@pytest.mark.long
def test_a_scheduler_killed_with_a_full_pool(start, airflow):
    """Its tasks are taken back while their workers live, and wait for the pool; no run is aborted, none launched twice."""
    airflow.call("POST", "/pools", name="narrow", slots=1)
    first = start("pooled")
    process = first.waiting_process()
    second = start("pooled")
    second.wait("scheduled", "queued", "running")
    eager = {"AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "3"}
    with airflow.without("scheduler", signal.SIGKILL, alone=True, env=eager):
        pass
    eventually(lambda: not process.is_running(), 120, explain=first.log)
    first.logged("nobody stopped it")
    for case in (first, second):
        (name,) = case.eventually(lambda case=case: case.launched(), 120)
        case.flyte.approve(name)
    for case in (first, second):
        case.wait("success", timeout=120)
        assert case.creates() == len(case.runs()) == 1
        assert not case.aborts()
