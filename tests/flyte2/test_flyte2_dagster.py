"""What Dagster's users have, each once on Flyte 2: specs of what is registered, many runs, partitions, data, sensors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from bridge_core import Client, EntityRef, LaunchRequest, RunPhase, RunQuery
from dagster_integration import (
    FlyteIOManager,
    FlyteResource,
    FlyteRun,
    build_flyte_assets,
    build_flyte_multi_asset,
    build_flyte_reaper_sensor,
    build_flyte_run_sensor,
    flyte_register_op,
    load_flyte_asset_specs,
)

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

pytestmark = pytest.mark.filterwarnings("ignore:InitResourceContext.dagster_run is deprecated")

PROJECT = Path(__file__).parent / "project" / "shop2"


@pytest.fixture
def resource(flyte_sandbox: Sandbox) -> Iterator[FlyteResource]:
    made = FlyteResource(
        endpoint=flyte_sandbox.flyte2_endpoint, insecure=True, project="flytesnacks", domain="development",
        flyte_version="2", transport="connect",
    )  # fmt: skip
    yield made
    made.get_client().close()


@pytest.fixture
def verbs(resource: FlyteResource) -> Iterator[Client]:
    with resource.get_client() as client:
        yield client


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield instance


@pytest.fixture
def task(flyte_sandbox: Sandbox, name: str) -> str:
    flyte_sandbox.stub(f"pkg.{name}", inputs={"n": int}, outputs={"rows": 7, "word": "done"})
    return f"pkg.{name}"


def made(result: Any) -> dict[str, dict[str, Any]]:
    """Asset key -> its metadata."""
    events = [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]
    return {one.asset_key.to_user_string(): {k: v.value for k, v in one.metadata.items()} for one in events}


def test_what_is_registered_is_loaded_as_specs(resource: FlyteResource, task: str) -> None:
    (spec,) = load_flyte_asset_specs(resource, selector=[task], kind="task")
    assert spec.key.to_user_string().endswith(task.rpartition(".")[2])
    assert {item.name for item in resource.fetch_tasks([task])} == {task}


def test_many_runs_in_one_step(verbs: Client, resource: FlyteResource, instance: dg.DagsterInstance, task: str) -> None:
    runs = {f"m{number}": FlyteRun(f"task:{task}", inputs={"n": number}) for number in range(5)}
    asset = build_flyte_multi_asset(runs, name="many", poll_interval=0.1)
    result = dg.materialize([asset], resources={"flyte": resource}, instance=instance)
    told = made(result)
    assert sorted(told) == sorted(runs)
    for number in range(5):
        assert verbs.inputs(told[f"m{number}"]["flyte/execution"]) == {"n": number}


def test_partitions_become_inputs_and_outputs_are_read_downstream(
    verbs: Client, resource: FlyteResource, instance: dg.DagsterInstance, task: str
) -> None:
    days = dg.StaticPartitionsDefinition(["1", "2"])
    upstream = build_flyte_assets(
        f"task:{task}",
        name="counted",
        partitions_def=days,
        partition_inputs={"n": "{key}"},
        outputs={"rows": "counted"},
    )

    @dg.asset(partitions_def=days)
    def doubled(counted: int) -> dg.MaterializeResult[Any]:
        return dg.MaterializeResult(metadata={"twice": 2 * counted})

    resources = {"flyte": resource, "io_manager": FlyteIOManager(flyte=resource)}
    result = dg.materialize([upstream, doubled], resources=resources, instance=instance, partition_key="2")
    told = made(result)
    assert told["doubled"]["twice"] == 14
    assert verbs.inputs(told["counted"]["flyte/execution"]) == {"n": 2}


def test_runs_of_others_are_told_once(
    verbs: Client, resource: FlyteResource, instance: dg.DagsterInstance, task: str
) -> None:
    sensor = build_flyte_run_sensor({task: "model"})
    cursor: str | None = None
    told: list[Any] = []

    def tick() -> int:
        nonlocal cursor
        given = {"instance": instance, "cursor": cursor, "resources": {"flyte": resource}}
        with dg.build_sensor_context(**given) as context:
            data = sensor.evaluate_tick(context)
        cursor = data.cursor
        told.extend(data.asset_events)
        return len(data.asset_events)

    tick()
    own = build_flyte_assets(f"task:{task}", name="own", inputs={"n": 2})
    assert dg.materialize([own], resources={"flyte": resource}, instance=instance).success
    ref = verbs.launch(LaunchRequest(EntityRef.task(task), inputs={"n": 1}))
    verbs.wait(ref, timeout=30, poll_interval=0.05)
    assert sum(tick() for _ in range(3)) == 1
    assert told[0].metadata["flyte/execution"].value == str(ref)


def test_the_reaper_aborts_what_a_cancelled_run_left(
    flyte_sandbox: Sandbox, verbs: Client, resource: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    """As after a worker that was killed: its run is there, its step failed, and nobody waits."""
    flyte_sandbox.stub(f"slow.{name}", inputs={"n": int}, outputs={}, duration=60)
    asset = build_flyte_assets(f"task:slow.{name}", name="slow", inputs={"n": 1}, timeout=1.0, poll_interval=0.1)
    result = dg.materialize([asset], resources={"flyte": resource}, instance=instance, raise_on_error=False)
    assert not result.success
    sensor = build_flyte_reaper_sensor(failed_after=0.0)
    cursor = None
    for _ in range(3):
        with dg.build_sensor_context(instance=instance, cursor=cursor, resources={"flyte": resource}) as context:
            cursor = sensor.evaluate_tick(context).cursor
    (run,) = verbs.list_runs(query=RunQuery(entity=f"slow.{name}"))
    assert verbs.wait(run.ref, timeout=30).phase is RunPhase.ABORTED


def test_code_is_registered_by_an_op(
    verbs: Client, resource: FlyteResource, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    @dg.job(resource_defs={"flyte": resource})
    def deploy() -> None:
        flyte_register_op(str(PROJECT), name="deploy_shop", source_root=str(PROJECT.parent))()

    result = deploy.execute_in_process(instance=instance)
    report = result.output_for_node("deploy_shop")
    assert any(item["entity"].startswith("task:flytesnacks/development/shop2.triple@") for item in report["entities"])


def test_a_query_in_names_that_both_flytes_know(verbs: Client, task: str) -> None:
    """As Airflow's sensors and Dagster's ask: by task and version, in the order in which runs ended."""
    ref = verbs.launch(LaunchRequest(EntityRef.task(task), inputs={"n": 1}))
    ended = verbs.wait(ref, timeout=30, poll_interval=0.05)
    assert ended.entity is not None
    where = (
        ("task.name", "eq", task),
        ("task.version", "eq", ended.entity.version),
        ("ended_at", "gte", ended.created_at),
    )
    found = verbs.list_runs(query=RunQuery(phases=(RunPhase.SUCCEEDED,), where=where, sort_by="ended_at"))
    assert [run.ref for run in found] == [ref]
