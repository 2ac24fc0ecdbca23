"""Further rows of the crash matrix: both processes killed, the answer to a create lost, the daemon killed during a backfill."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import dagster as dg
import psutil
import pytest
from dagster_support import Webserver, children, runs_of, until
from support.flyte import INTEGER, RawFlyte
from support.matrix import rows

from dagster_integration import FlyteResource, build_flyte_assets

if TYPE_CHECKING:
    from conftest import Running

    from bridge_core.sandbox import Sandbox


def fresh(raw: RawFlyte, entity: str, known: set[str], count: int = 1) -> list[str]:
    """Names of Flyte runs that are not among the known, as soon as there are so many."""

    def find() -> list[str] | None:
        names = [run.id.name for run in runs_of(raw, entity) if run.id.name not in known]
        return names if len(names) >= count else None

    return until(find, seconds=120, label=f"{count} new Flyte runs")  # type: ignore[return-value]


def known_runs(raw: RawFlyte, entity: str) -> set[str]:
    return {run.id.name for run in runs_of(raw, entity)}


@pytest.mark.parametrize("times", [1, *rows(9)])
def test_the_answer_to_a_create_is_lost_and_there_is_one_run(
    *,
    flyte_sandbox: Sandbox,
    raw: RawFlyte,
    flyte: FlyteResource,
    instance: dg.DagsterInstance,
    name: str,
    times: int,
) -> None:
    """Once, which the call itself makes good; and so often that the step has to ask again."""
    raw.register(name, {"n": INTEGER})
    flyte_sandbox.faults.fail("CreateExecution", times=times, after_commit=True)
    asset = build_flyte_assets(name, name="model", inputs={"n": 3}, poll_interval=0.1)
    result = dg.materialize([asset], resources={"flyte": flyte}, instance=instance, raise_on_error=False)
    flyte_sandbox.faults.clear()
    assert result.success
    assert len(runs_of(raw, name)) == 1


@pytest.mark.matrix
def test_a_worker_dies_while_the_answer_to_its_create_is_lost(
    flyte_sandbox: Sandbox, raw: RawFlyte, running: Running, webserver: Webserver
) -> None:
    known = known_runs(raw, running.entity)
    flyte_sandbox.faults.drop("CreateExecution", after_commit=True)
    run_id = webserver.launch("in_process_plain")
    (name,) = fresh(raw, running.entity, known)
    psutil.Process(webserver.worker(run_id)).kill()
    assert webserver.finished(run_id)["status"] == "FAILURE"
    again = webserver.reexecute(run_id)
    raw.approve(name)
    assert webserver.finished(again)["status"] == "SUCCESS"
    assert known_runs(raw, running.entity) - known == {name}
    assert flyte_sandbox.calls.count("TerminateExecution") == 0


def test_worker_and_step_are_killed_and_a_reexecution_attaches(
    flyte_sandbox: Sandbox, raw: RawFlyte, running: Running, webserver: Webserver
) -> None:
    known = known_runs(raw, running.entity)
    run_id = webserver.launch("multiprocess_plain")
    (name,) = fresh(raw, running.entity, known)
    worker = webserver.worker(run_id)
    for process in (*children(worker), psutil.Process(worker)):
        process.kill()
    finished = webserver.finished(run_id)
    assert (finished["status"], finished["assetMaterializations"]) == ("FAILURE", [])
    again = webserver.reexecute(run_id)
    raw.approve(name)
    assert webserver.finished(again)["status"] == "SUCCESS"
    assert known_runs(raw, running.entity) - known == {name}
    assert flyte_sandbox.calls.count("CreateExecution") == 1
    assert flyte_sandbox.calls.count("TerminateExecution") == 0


@pytest.mark.matrix  # Dagster looks at backfills every 30 seconds
@pytest.mark.timeout(300)
def test_the_daemon_is_killed_during_a_backfill_and_each_partition_has_one_run(
    flyte_sandbox: Sandbox, raw: RawFlyte, running: Running, webserver: Webserver
) -> None:
    known = known_runs(raw, running.entity)
    backfill = webserver.backfill("each", ["1", "2", "3"])
    fresh(raw, running.entity, known)
    running.daemon.kill()
    running.daemon.start()
    for name in fresh(raw, running.entity, known, 3):
        raw.approve(name)
    assert webserver.backfilled(backfill, seconds=150) == "COMPLETED_SUCCESS"
    assert sorted(webserver.materialized("each")) == ["1", "2", "3"]
    assert flyte_sandbox.calls.count("CreateExecution") == 3
    assert flyte_sandbox.calls.count("TerminateExecution") == 0


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(50, marks=pytest.mark.matrix),
        pytest.param(1000, marks=[pytest.mark.long, pytest.mark.timeout(900)]),
    ],
)
def test_a_backfill_of_many_partitions_is_one_run(
    flyte_sandbox: Sandbox, raw: RawFlyte, running: Running, webserver: Webserver, count: int
) -> None:
    known = known_runs(raw, running.entity)
    days = [(date(2020, 1, 1) + timedelta(days=number)).isoformat() for number in range(count)]
    before = webserver.materialized("ranged")
    backfill = webserver.backfill("ranged", days)
    (name,) = fresh(raw, running.entity, known)
    raw.approve(name)
    assert webserver.backfilled(backfill, seconds=600) == "COMPLETED_SUCCESS"
    assert sorted(webserver.materialized("ranged")) == sorted([*before, *days])
    assert flyte_sandbox.calls.count("CreateExecution") == 1
