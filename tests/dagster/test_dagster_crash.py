"""Dagster in processes of its own, killed, evicted and cancelled for real; launches and aborts are counted at Flyte."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import psutil
import pytest
from dagster_support import Home, Webserver, children, runs_of, until, waits
from flyteidl.core import execution_pb2
from support.flyte import INTEGER, RawFlyte
from support.matrix import rows

if TYPE_CHECKING:
    from conftest import Running

    from bridge_core.sandbox import Sandbox


ABORTED = execution_pb2.WorkflowExecution.ABORTED


def held_run(raw: RawFlyte, entity: str, *, known: int = 0) -> str:
    """Name of the newest Flyte run, as soon as there is one more than were known."""
    runs = until(lambda: found if len(found := runs_of(raw, entity)) > known else None, label="the Flyte run exists")
    return str(runs[0].id.name)


def step_process(worker: int) -> psutil.Process:
    """The process of the running step under the multiprocess executor."""

    def find() -> psutil.Process | None:
        for one in children(worker):
            if any("spawn_main" in part for part in one.cmdline()):
                return one
        return None

    return until(find, label="the step's process")


def phase(raw: RawFlyte, entity: str, run: str) -> Any:
    return next(item.closure.phase for item in runs_of(raw, entity) if item.id.name == run)


def test_a_killed_step_process_finds_its_run_again(
    flyte_sandbox: Sandbox, raw: RawFlyte, name: str, tmp_path: Path
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    home = Home(tmp_path / "home", flyte_sandbox.endpoint, name)
    with home.process("dagster", "job", "execute", "-m", "flyte_defs", "-j", "multiprocess") as job:
        run = held_run(raw, name)
        waits(flyte_sandbox, run)
        step_process(job.pid).kill()
        with home.instance() as instance:
            (record,) = instance.get_run_records()
            run_id = record.dagster_run.run_id
            retry = dg.DagsterEventType.STEP_UP_FOR_RETRY
            until(lambda: instance.all_logs(run_id, of_type=retry), label="Dagster retries the step")
            waits(flyte_sandbox, run)
            raw.approve(run)
            assert job.wait(60) == 0, home.output()
            finished = instance.get_run_by_id(run_id)
            assert finished is not None
            assert finished.status is dg.DagsterRunStatus.SUCCESS
            (event,) = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    assert flyte_sandbox.calls.count("CreateExecution") == 1
    assert flyte_sandbox.calls.count("TerminateExecution") == 0
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["n"].value == 7
    assert event.asset_materialization.metadata["flyte/run_name"].value == run


@pytest.fixture
def entity(running: Running) -> str:
    return running.entity


@pytest.mark.parametrize("job", ["multiprocess", *rows("in_process", "in_process_plain")])
def test_a_person_who_terminates_aborts_the_run_once(
    flyte_sandbox: Sandbox, raw: RawFlyte, entity: str, webserver: Webserver, job: str
) -> None:
    known = len(runs_of(raw, entity))
    run_id = webserver.launch(job)
    run = held_run(raw, entity, known=known)
    waits(flyte_sandbox, run)
    webserver.terminate(run_id)
    finished = webserver.finished(run_id)
    assert finished["status"] == "CANCELED"
    assert finished["assetMaterializations"] == []
    assert flyte_sandbox.calls.count("TerminateExecution") == 1
    assert flyte_sandbox.calls.count("CreateExecution") == 1
    assert phase(raw, entity, run) == ABORTED


@pytest.mark.parametrize(
    ("job", "how"),
    [
        ("multiprocess", signal.SIGTERM),
        *rows(("in_process_plain", signal.SIGTERM)),
        ("in_process_plain", signal.SIGKILL),
    ],
)
def test_a_worker_that_is_evicted_or_killed_leaves_the_run_and_a_reexecution_attaches(
    *, flyte_sandbox: Sandbox, raw: RawFlyte, entity: str, webserver: Webserver, job: str, how: signal.Signals
) -> None:
    known = len(runs_of(raw, entity))
    run_id = webserver.launch(job)
    run = held_run(raw, entity, known=known)
    waits(flyte_sandbox, run)
    psutil.Process(webserver.worker(run_id)).send_signal(how)
    finished = webserver.finished(run_id)
    assert finished["status"] == "FAILURE"
    assert finished["assetMaterializations"] == []
    assert phase(raw, entity, run) != ABORTED
    again = webserver.reexecute(run_id)
    waits(flyte_sandbox, run)
    raw.approve(run)
    finished = webserver.finished(again)
    assert finished["status"] == "SUCCESS"
    (materialization,) = finished["assetMaterializations"]
    assert {"label": "n", "intValue": 7} in materialization["metadataEntries"]
    assert flyte_sandbox.calls.count("CreateExecution") == 1
    assert flyte_sandbox.calls.count("TerminateExecution") == 0


CROWD = 12
MANY = 20


def crowd_of(raw: RawFlyte, entity: str, known: int) -> list[str]:
    """Names of the runs that one step launched, when all are there."""
    runs = until(lambda: found if len(found := runs_of(raw, entity)) >= known + CROWD else None, label="all Flyte runs")
    return [run.id.name for run in runs[:CROWD]]


def test_a_person_who_terminates_a_step_of_many_runs_aborts_each_once(
    flyte_sandbox: Sandbox, raw: RawFlyte, entity: str, webserver: Webserver
) -> None:
    known = len(runs_of(raw, entity))
    run_id = webserver.launch("crowd_job")
    names = crowd_of(raw, entity, known)
    webserver.terminate(run_id)
    finished = webserver.finished(run_id)
    assert finished["status"] == "CANCELED"
    assert finished["assetMaterializations"] == []
    assert {phase(raw, entity, name) for name in names} == {ABORTED}
    assert flyte_sandbox.calls.count("TerminateExecution") == CROWD
    assert flyte_sandbox.calls.count("CreateExecution") == CROWD


def test_a_person_who_terminates_many_steps_that_wait_in_one_process_aborts_each_once(
    flyte_sandbox: Sandbox, raw: RawFlyte, entity: str, webserver: Webserver
) -> None:
    """Under `flyte_executor`, whose other tests need no webserver."""
    known = len(runs_of(raw, entity))
    run_id = webserver.launch("waiting")
    until(lambda: len(runs_of(raw, entity)) == known + MANY, label="all Flyte runs")
    webserver.terminate(run_id)
    finished = webserver.finished(run_id)
    assert finished["status"] == "CANCELED"
    assert finished["assetMaterializations"] == []
    assert {run.closure.phase for run in runs_of(raw, entity)[:MANY]} == {ABORTED}
    assert flyte_sandbox.calls.count("TerminateExecution") == MANY
    assert flyte_sandbox.calls.count("CreateExecution") == MANY


def test_a_worker_that_is_killed_leaves_many_runs_and_a_reexecution_attaches_to_all(
    flyte_sandbox: Sandbox, raw: RawFlyte, entity: str, webserver: Webserver
) -> None:
    known = len(runs_of(raw, entity))
    run_id = webserver.launch("crowd_job")
    names = crowd_of(raw, entity, known)
    psutil.Process(webserver.worker(run_id)).kill()
    assert webserver.finished(run_id)["status"] == "FAILURE"
    again = webserver.reexecute(run_id)
    for name in names:
        raw.approve(name)
    finished = webserver.finished(again)
    assert finished["status"] == "SUCCESS"
    assert len(finished["assetMaterializations"]) == CROWD
    assert flyte_sandbox.calls.count("CreateExecution") == CROWD
    assert flyte_sandbox.calls.count("TerminateExecution") == 0


def test_a_run_that_is_being_made_while_a_person_terminates_is_aborted_too(
    flyte_sandbox: Sandbox, raw: RawFlyte, entity: str, webserver: Webserver
) -> None:
    known = len(runs_of(raw, entity))
    flyte_sandbox.faults.delay("CreateExecution", 2.0)
    run_id = webserver.launch("in_process_plain")
    until(lambda: not flyte_sandbox.faults.pending(), label="CreateExecution is on its way")
    webserver.terminate(run_id)
    finished = webserver.finished(run_id)
    assert finished["status"] == "CANCELED"
    run = held_run(raw, entity, known=known)
    assert phase(raw, entity, run) == ABORTED


@pytest.mark.parametrize("job", ["multiprocess", "in_process", *rows("multiprocess_plain", "in_process_plain")])
def test_ctrl_c_on_the_command_aborts_the_run_once(
    flyte_sandbox: Sandbox, raw: RawFlyte, name: str, tmp_path: Path, job: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    home = Home(tmp_path / "home", flyte_sandbox.endpoint, name)
    with home.terminal("dagster", "job", "execute", "-m", "flyte_defs", "-j", job) as (process, press):
        run = held_run(raw, name)
        waits(flyte_sandbox, run)
        press("\x03")
        assert process.wait(60) != 0
    assert phase(raw, name, run) == ABORTED, home.output()
    assert flyte_sandbox.calls.count("TerminateExecution") == 1
    assert flyte_sandbox.calls.count("CreateExecution") == 1
    assert "was stopped with Ctrl-C" in flyte_sandbox.calls.of("TerminateExecution")[0].request.cause


@pytest.mark.parametrize("job", ["multiprocess_plain", *rows("in_process_plain")])
def test_a_command_that_is_ended_by_sigterm_leaves_the_run(
    flyte_sandbox: Sandbox, raw: RawFlyte, name: str, tmp_path: Path, job: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    home = Home(tmp_path / "home", flyte_sandbox.endpoint, name)
    with home.process("dagster", "job", "execute", "-m", "flyte_defs", "-j", job) as process:
        run = held_run(raw, name)
        waits(flyte_sandbox, run)
        process.terminate()
        assert process.wait(60) != 0
    assert phase(raw, name, run) != ABORTED
    assert flyte_sandbox.calls.count("TerminateExecution") == 0
