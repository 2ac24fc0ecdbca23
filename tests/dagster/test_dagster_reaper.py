"""The reaper sensor against the embedded Flyte and a real instance: what is aborted, what is left, what outages do to it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from dagster_support import meanwhile, runs_of, until
from flyteidl.core import execution_pb2
from support.flyte import DOMAIN, INTEGER, PROJECT, RawFlyte

from bridge_core import EntityRef, InvalidRequest
from dagster_integration import FlyteResource, build_flyte_assets, build_flyte_reaper_sensor
from dagster_integration._notes import noted_runs

if TYPE_CHECKING:
    from pathlib import Path

    from bridge_core.sandbox import Sandbox

Status = dg.DagsterRunStatus
GONE = (execution_pb2.WorkflowExecution.ABORTED, execution_pb2.WorkflowExecution.ABORTING)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield instance


class Reaper:
    """A sensor with its cursor, as the daemon keeps it."""

    def __init__(self, flyte: FlyteResource, instance: dg.DagsterInstance, **more: Any) -> None:
        self._sensor = build_flyte_reaper_sensor(**more)
        self._flyte, self._instance, self._cursor = flyte, instance, None

    def tick(self) -> str:
        given = {"instance": self._instance, "cursor": self._cursor, "resources": {"flyte": self._flyte}}
        with dg.build_sensor_context(**given) as context:
            data = self._sensor.evaluate_tick(context)
        self._cursor = data.cursor
        return data.skip_message or ""


def left_alone(
    raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, entity: str, status: Status, **more: Any
) -> tuple[str, str]:
    """A Dagster run that ended with this status, and its Flyte run, which goes on. The step gave up waiting."""
    given = EntityRef.parse(entity) if ":" in entity else EntityRef.launch_plan(entity)
    before = {item.id.name for item in raw.executions()}
    asset = build_flyte_assets(given, name="model", inputs={"n": 3}, timeout=0.2, poll_interval=0.1, **more)
    result = dg.materialize([asset], resources={"flyte": flyte}, instance=instance, raise_on_error=False)
    assert not result.success
    if status is not Status.FAILURE:
        run = instance.get_run_by_id(result.run_id)
        assert run is not None
        event = dg.DagsterEvent(dg.DagsterEventType.RUN_CANCELED.value, job_name=run.job_name)
        assert status is Status.CANCELED
        instance.report_dagster_event(event, run.run_id)
        assert instance.get_run_by_id(run.run_id).status is Status.CANCELED  # type: ignore[union-attr]
    (name,) = {item.id.name for item in raw.executions()} - before
    return result.run_id, name


def is_gone(raw: RawFlyte, name: str) -> bool:
    return next(item.closure.phase for item in raw.executions() if item.id.name == name) in GONE


def cause(sandbox: Sandbox) -> str:
    (call,) = sandbox.calls.of("TerminateExecution")
    return str(call.request.cause)


def test_the_run_of_a_cancelled_dagster_run_is_aborted_once(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    run_id, run = left_alone(raw, flyte, instance, name, Status.CANCELED)
    reaper = Reaper(flyte, instance)
    assert reaper.tick().startswith(f"aborted {PROJECT}/{DOMAIN}/{run}; 0 runs")
    assert reaper.tick().startswith("nothing to abort; 0 runs")
    assert is_gone(raw, run)
    assert cause(flyte_sandbox) == f"Dagster run {run_id} was cancelled (Dagster's Flyte reaper sensor)"


def test_a_run_that_a_step_waits_for_is_never_touched(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    asset = build_flyte_assets(name, name="model", inputs={"n": 3}, poll_interval=0.1)
    texts: list[str] = []

    def sweep() -> None:
        (run,) = until(lambda: runs_of(raw, name), label="the run")
        reaper = Reaper(flyte, instance, failed_after=0)
        texts.extend(reaper.tick() for _ in range(3))
        raw.approve(run.id.name)

    with meanwhile(sweep):
        result = dg.materialize([asset], resources={"flyte": flyte}, instance=instance, raise_on_error=False)
    assert result.success
    assert all(text.startswith("nothing to abort; 0 runs") for text in texts)
    assert flyte_sandbox.calls.count("TerminateExecution") == 0


def test_the_run_of_a_failed_dagster_run_is_kept_for_a_while(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    _, run = left_alone(raw, flyte, instance, name, Status.FAILURE)
    assert "1 runs of ended Dagster runs are kept" in Reaper(flyte, instance).tick()
    assert "nothing to abort" in Reaper(flyte, instance, failed_after=None).tick()
    assert not is_gone(raw, run)
    time.sleep(0.3)
    assert Reaper(flyte, instance, failed_after=0.2).tick().startswith("aborted ")
    assert is_gone(raw, run)
    assert "ended FAILURE and was not re-executed within 0.2 s" in cause(flyte_sandbox)


def said(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    return [entry.message for entry in entries if "nobody waits for it" in entry.message]


def test_orphans_may_be_reported_once_and_left(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    """What a person stopped is aborted all the same."""
    raw.register(name, {"n": INTEGER}, gate="approve")
    failed, orphan = left_alone(raw, flyte, instance, name, Status.FAILURE)
    _, cancelled = left_alone(raw, flyte, instance, name, Status.CANCELED)
    reaper = Reaper(flyte, instance, failed_after=0, orphans="report")
    first = reaper.tick()
    assert first.startswith(
        f"aborted {PROJECT}/{DOMAIN}/{cancelled}; nobody waits for {PROJECT}/{DOMAIN}/{orphan}; 1 runs"
    )
    assert reaper.tick().startswith("nothing to abort; 1 runs")
    assert [f"Flyte run {PROJECT}/{DOMAIN}/{orphan} goes on" in line for line in said(instance, failed)] == [True]
    assert not is_gone(raw, orphan)
    raw.approve(orphan)
    until(lambda: "; 0 runs" in reaper.tick(), label="the orphan that ended is forgotten")
    assert flyte_sandbox.calls.count("TerminateExecution") == 1


def test_orphans_may_be_left(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    failed, _ = left_alone(raw, flyte, instance, name, Status.FAILURE)
    assert Reaper(flyte, instance, failed_after=0, orphans="leave").tick().startswith("nothing to abort; 1 runs")
    assert said(instance, failed) == []
    assert flyte_sandbox.calls.count("TerminateExecution") == 0


def test_what_is_done_with_orphans_is_one_of_three() -> None:
    wrong: Any = "kill"
    with pytest.raises(InvalidRequest, match="orphans: wanted one of 'abort', 'leave', 'report', got 'kill'"):
        build_flyte_reaper_sensor(orphans=wrong)


def test_a_run_that_a_reexecution_may_attach_to_is_left(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    run_id, run = left_alone(raw, flyte, instance, name, Status.CANCELED)
    parent = instance.get_run_by_id(run_id)
    assert parent is not None
    tags = {"dagster/root_run_id": run_id, "dagster/parent_run_id": run_id}
    job = dg.Definitions(
        assets=[build_flyte_assets(name, name="model", inputs={"n": 3})], resources={"flyte": flyte}
    ).resolve_implicit_global_asset_job_def()
    again = instance.create_run_for_job(job, status=Status.STARTED, tags=tags, parent_run_id=run_id, root_run_id=run_id)
    reaper = Reaper(flyte, instance, failed_after=0)
    assert reaper.tick().startswith("nothing to abort; 1 runs")
    assert not is_gone(raw, run)
    event = dg.DagsterEvent(dg.DagsterEventType.RUN_FAILURE.value, job_name=again.job_name)
    instance.report_dagster_event(event, again.run_id)
    assert reaper.tick().startswith("aborted ")
    assert flyte_sandbox.calls.count("TerminateExecution") == 1


def test_the_run_of_a_deleted_dagster_run_is_aborted_after_two_looks(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    run_id, run = left_alone(raw, flyte, instance, name, Status.FAILURE)
    instance.delete_run(run_id)
    reaper = Reaper(flyte, instance, failed_after=0.2)
    assert reaper.tick().startswith("nothing to abort")
    time.sleep(0.3)
    assert reaper.tick().startswith("aborted ")
    assert is_gone(raw, run)
    assert f"Dagster run {run_id} was deleted" in cause(flyte_sandbox)


def test_runs_of_another_dagster_and_shared_ones_are_left(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    with dg.DagsterInstance.ephemeral() as other:
        run_id, _ = left_alone(raw, flyte, other, name, Status.FAILURE)
        other.delete_run(run_id)
        left_alone(raw, flyte, instance, name, Status.FAILURE, work=lambda _context: "tick 1")
        reaper = Reaper(flyte, instance, failed_after=0)
        for _ in range(3):
            assert reaper.tick().startswith("nothing to abort")
            time.sleep(0.05)
    assert flyte_sandbox.calls.count("TerminateExecution") == 0
    left_alone(raw, flyte, instance, name, Status.CANCELED, work=lambda _context: "tick 2")
    assert reaper.tick().startswith("aborted "), "whoever cancels a shared one means it"


def test_an_outage_during_a_tick_forgets_nothing(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    runs = [left_alone(raw, flyte, instance, name, Status.CANCELED)[1] for _ in range(3)]
    reaper = Reaper(flyte, instance)
    for method in ("GetExecution", "TerminateExecution", "ListExecutions"):
        flyte_sandbox.faults.clear()
        flyte_sandbox.faults.fail(method, times=1000)
        text = reaper.tick()
        if method != "ListExecutions":
            assert text.startswith("Flyte cannot be asked now; 3 runs may have to be aborted")
    flyte_sandbox.faults.clear()
    reaper.tick()
    assert all(is_gone(raw, run) for run in runs)
    assert flyte_sandbox.calls.count("CreateExecution") == 3


def test_the_run_of_a_single_task_which_keeps_no_label_is_found_too(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    flyte_sandbox.stub(name, inputs={"n": int}, outputs={}, duration=60)
    run_id, run = left_alone(raw, flyte, instance, f"task:{name}", Status.CANCELED)
    assert [noted.ref.name for noted in noted_runs(instance, run_id)] == [run]
    assert Reaper(flyte, instance).tick().startswith("aborted ")
    until(lambda: is_gone(raw, run), label="the run is aborted")


def test_a_cursor_that_cannot_be_read_begins_anew(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    left_alone(raw, flyte, instance, name, Status.CANCELED)
    reaper = Reaper(flyte, instance)
    reaper._cursor = '{"since": "yesterday"}'  # type: ignore[assignment]
    assert reaper.tick().startswith("aborted ")


@pytest.mark.parametrize("place", ["ml", "ml/", "/production", "a/b/c", 7])
def test_a_place_that_cannot_be_read_is_refused_while_loading(place: Any) -> None:
    with pytest.raises(InvalidRequest, match="wanted 'project/domain'"):
        build_flyte_reaper_sensor(places=[place])
