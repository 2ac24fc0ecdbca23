"""Real webserver and daemon: what is the same work and what is new when runs are started again; orphans are reaped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psutil
import pytest
from dagster_support import Webserver, children, runs_of, until, waits
from flyteidl.core import execution_pb2
from support.flyte import RawFlyte

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

ENTITY = "dagster.held"
ABORTED = execution_pb2.WorkflowExecution.ABORTED
ENDS = ("SUCCESS", "FAILURE", "CANCELED")


@pytest.fixture
def dagster(webserver: Webserver) -> Webserver:
    return webserver


def fresh(raw: RawFlyte, known: set[str]) -> str:
    """Name of a Flyte run that is not among the known, as soon as there is one; it is known from then on."""
    found = until(lambda: [i.id.name for i in runs_of(raw, ENTITY) if i.id.name not in known], label="a new Flyte run")
    known.add(found[0])
    return str(found[0])


def all_known(raw: RawFlyte) -> set[str]:
    return {item.id.name for item in runs_of(raw, ENTITY)}


def phase(raw: RawFlyte, run: str) -> Any:
    return next(item.closure.phase for item in runs_of(raw, ENTITY) if item.id.name == run)


def shown(finished: Any) -> dict[str, Any]:
    (materialization,) = finished["assetMaterializations"]
    return {entry["label"]: entry.get("intValue", entry.get("text")) for entry in materialization["metadataEntries"]}


def child_of(dagster: Webserver, parent: str) -> str | None:
    return next((run["runId"] for run in dagster.runs() if run["parentRunId"] == parent), None)


def test_an_edited_configuration_is_new_work(flyte_sandbox: Sandbox, raw: RawFlyte, dagster: Webserver) -> None:
    """The old configuration's result must not be materialised as the new one's; its run is nobody's any more."""
    known = all_known(raw)
    first = dagster.launch("sized_job", config=size(1))
    old = fresh(raw, known)
    waits(flyte_sandbox, old)
    psutil.Process(dagster.worker(first)).kill()
    assert dagster.finished(first)["status"] == "FAILURE"
    second = dagster.reexecute_edited(first, "sized_job", size(2))
    new = fresh(raw, known)
    assert new != old
    raw.approve(new)
    finished = dagster.finished(second)
    assert finished["status"] == "SUCCESS"
    assert shown(finished)["n"] == 2
    assert shown(finished)["flyte/run_name"] == new
    assert flyte_sandbox.calls.count("CreateExecution") == 2
    assert flyte_sandbox.calls.count("TerminateExecution") == 0
    raw.approve(old)


def test_the_same_configuration_attaches_also_when_how_it_runs_was_edited(
    flyte_sandbox: Sandbox, raw: RawFlyte, dagster: Webserver
) -> None:
    known = all_known(raw)
    first = dagster.launch("sized_job", config=size(3))
    run = fresh(raw, known)
    waits(flyte_sandbox, run)
    psutil.Process(dagster.worker(first)).kill()
    assert dagster.finished(first)["status"] == "FAILURE"
    loggers = {"loggers": {"console": {"config": {"log_level": "WARNING"}}}}
    second = dagster.reexecute_edited(first, "sized_job", {**size(3), **loggers})
    waits(flyte_sandbox, run)
    raw.approve(run)
    finished = dagster.finished(second)
    assert finished["status"] == "SUCCESS"
    assert shown(finished)["n"] == 3
    assert "flyte/inputs_differ" not in shown(finished)
    assert flyte_sandbox.calls.count("CreateExecution") == 1


def size(n: int) -> dict[str, Any]:
    return {"ops": {"sized": {"config": {"n": n}}}}


def test_a_step_that_outlives_its_worker_and_succeeds_is_not_launched_again_by_the_retry(
    flyte_sandbox: Sandbox, raw: RawFlyte, dagster: Webserver
) -> None:
    known = all_known(raw)
    first = dagster.launch("multiprocess_plain", tags={"dagster/max_retries": "1"})
    run = fresh(raw, known)
    waits(flyte_sandbox, run)
    worker = dagster.worker(first)
    steps = children(worker)
    assert steps
    psutil.Process(worker).kill()
    retry = until(lambda: child_of(dagster, first), seconds=90, label="Dagster's own retry is made")
    assert any(step.is_running() for step in steps), "the orphaned step must be alive when the retry is made"
    raw.approve(run)
    finished = dagster.finished(retry, seconds=90)
    assert finished["status"] == "SUCCESS"
    assert shown(finished)["flyte/run_name"] == run
    until(lambda: not any(step.is_running() for step in steps), label="the orphaned step ends")
    assert any("STEP_SUCCESS" in line or "Finished execution of step" in line for line in dagster.log(first))
    assert flyte_sandbox.calls.count("CreateExecution") == 1
    assert flyte_sandbox.calls.count("TerminateExecution") == 0


@pytest.mark.parametrize(
    ("job", "count"),
    [("few_together", 3), pytest.param("many_together", 20, marks=[pytest.mark.long, pytest.mark.timeout(900)])],
)
def test_steps_that_begin_together_are_all_noted_and_lose_no_tag(
    *, flyte_sandbox: Sandbox, raw: RawFlyte, dagster: Webserver, job: str, count: int
) -> None:
    known = all_known(raw)
    run_id = dagster.launch(job, tags={"team": "ml", "dagster/priority": "3"})
    names: list[str] = []

    def all_there() -> bool:
        names[:] = sorted(all_known(raw) - known)
        return len(names) == count

    until(all_there, seconds=400, label=f"{count} Flyte runs")
    for name in names:
        raw.approve(name)
    finished = dagster.finished(run_id, seconds=400)
    assert finished["status"] == "SUCCESS"
    tags = {tag["key"]: tag["value"] for tag in finished["tags"]}
    assert (tags["team"], tags["dagster/priority"]) == ("ml", "3")
    assert not [key for key in tags if key.startswith("flyte/")]
    noted = {line.rpartition("/")[2] for line in dagster.log(run_id) if line.startswith("Flyte run flytesnacks/")}
    assert noted == set(names)
    assert flyte_sandbox.calls.count("CreateExecution") == count


def test_a_termination_while_flyte_is_away_is_made_good_by_the_sensor(
    flyte_sandbox: Sandbox, raw: RawFlyte, dagster: Webserver
) -> None:
    known = all_known(raw)
    run_id = dagster.launch("in_process_plain")
    run = fresh(raw, known)
    waits(flyte_sandbox, run)
    for method in ("TerminateExecution", "GetExecution"):
        flyte_sandbox.faults.fail(method, times=10_000)
    dagster.terminate(run_id)
    assert dagster.finished(run_id)["status"] == "CANCELED"
    assert any(
        "a sensor made by build_flyte_reaper_sensor aborts it as soon as" in line for line in dagster.log(run_id)
    )
    assert phase(raw, run) != ABORTED
    flyte_sandbox.faults.clear()
    until(lambda: phase(raw, run) == ABORTED, seconds=60, label="the sensor aborts the run")
    assert flyte_sandbox.calls.count("CreateExecution") == 1
