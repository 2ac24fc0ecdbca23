"""The shorter examples, loaded as Dagster loads them, and materialized in this process."""

from __future__ import annotations

import pickle
import runpy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from support.flyte import INTEGER, STRING, RawFlyte

from bridge_core import EntityRef, LaunchRequest
from dagster_integration import FlyteResource

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def _registered(_flyte_sandbox_server: Sandbox) -> None:
    raw = RawFlyte(_flyte_sandbox_server.endpoint)
    raw.register("workflows.extract", {"day": STRING, "limit": INTEGER}, version="dagster-short")
    raw.register("workflows.train", {"day": STRING, "epochs": INTEGER}, version="dagster-short")


@pytest.fixture
def definitions(flyte_sandbox: Sandbox, _registered: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Gives the definitions of an example, whose Flyte is the sandbox."""
    monkeypatch.setenv("FLYTE_PLATFORM_URL", flyte_sandbox.endpoint)
    monkeypatch.setenv("FLYTE_PLATFORM_INSECURE", "true")

    def load(name: str) -> dg.Definitions:
        found: dg.Definitions = runpy.run_path(str(EXAMPLES / name))["defs"]
        return found

    return load


def shown(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    made = [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]
    return {one.asset_key.to_user_string(): {name: value.value for name, value in one.metadata.items()} for one in made}


def materialize(defs: dg.Definitions, instance: dg.DagsterInstance, **more: Any) -> dict[str, dict[str, Any]]:
    result = defs.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance, **more)
    assert result.success
    return shown(result)


def test_several_assets_of_one_run(definitions: Any, instance: dg.DagsterInstance, flyte_sandbox: Sandbox) -> None:
    made = materialize(definitions("dagster_several_assets.py"), instance)
    assert made["report"]["summary"] == "trained for 2026-11-20 in 3 epochs"
    assert flyte_sandbox.calls.count("CreateExecution") == 1


def test_what_is_registered_as_assets(definitions: Any, instance: dg.DagsterInstance) -> None:
    defs = definitions("dagster_catalog.py")
    made = materialize(defs, instance)
    assert {key: metadata["flyte/output"] for key, metadata in made.items()} == {
        "workflows/train/day": "day",
        "workflows/train/epochs": "epochs",
    }
    assert {spec.group_name for spec in defs.resolve_all_asset_specs()} == {"workflows"}


def test_ops_and_the_launchpad(definitions: Any, instance: dg.DagsterInstance) -> None:
    job = definitions("dagster_launchpad.py").resolve_job_def("pipeline")
    result = job.execute_in_process(instance=instance)
    assert result.output_for_node("train") == {"day": "2026-11-20", "epochs": 3}


@pytest.mark.filterwarnings(
    "ignore:InitResourceContext.dagster_run is deprecated"
)  # Dagster's own, of nested resources
def test_runs_of_others_are_observed(
    definitions: Any, flyte_sandbox: Sandbox, flyte: FlyteResource, instance: dg.DagsterInstance
) -> None:
    defs = definitions("dagster_observing.py")
    sensor = defs.resolve_sensor_def("flyte_runs")
    with dg.build_sensor_context(instance=instance, resources={"flyte": flyte}) as context:
        cursor = sensor.evaluate_tick(context).cursor
    with flyte.get_client() as client:
        entity = EntityRef.launch_plan("workflows.extract")
        client.wait(client.launch(LaunchRequest(entity, inputs={"day": "2026-01-05", "limit": 7})))
    with dg.build_sensor_context(instance=instance, resources={"flyte": flyte}, cursor=cursor) as context:
        (event,) = sensor.evaluate_tick(context).asset_events
    assert (event.asset_key.path, event.partition) == (["extracted"], "2026-01-05")
    instance.report_runless_asset_event(event)
    assert materialize(defs, instance, partition_key="2026-01-05")["report"]["limit"] == 7


def test_partitions_in_one_run_and_in_many(
    definitions: Any, instance: dg.DagsterInstance, flyte_sandbox: Sandbox
) -> None:
    defs = definitions("dagster_partitions.py")
    made = materialize(defs, instance, partition_key="2026-01-05")
    assert made["daily"]["day"] == "2026-01-05"
    assert made["ranged"]["day"] == "2026-01-05T00:00:00+00:00 to 2026-01-06T00:00:00+00:00"
    assert flyte_sandbox.calls.count("CreateExecution") == 2


def test_many_runs_in_one_step(definitions: Any, instance: dg.DagsterInstance, flyte_sandbox: Sandbox) -> None:
    made = materialize(definitions("dagster_many_runs.py"), instance)
    assert {key: metadata["day"] for key, metadata in made.items()} == {
        f"model_{region}": f"2026-11-20 {region}" for region in ("eu", "us", "apac")
    }
    assert flyte_sandbox.calls.count("CreateExecution") == 3


def models_job() -> dg.JobDefinition:
    return runpy.run_path(str(EXAMPLES / "dagster_executor.py"))["defs"].resolve_job_def("models")  # type: ignore[no-any-return]


def test_an_executor_that_waits(
    definitions: Any, flyte_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert definitions("dagster_executor.py")
    here = Path(__file__).parent
    monkeypatch.setenv("PYTHONPATH", f"{here}:{here.parent}")  # the process of a step imports this file
    with (
        dg.DagsterInstance.local_temp(str(tmp_path)) as instance,
        dg.execute_job(dg.reconstructable(models_job), instance) as result,
    ):
        assert result.success
        assert pickle.loads((tmp_path / "storage" / "best").read_bytes()) == "2026-11-20 us"  # ours
        workers = result.filter_events(lambda event: event.event_type is dg.DagsterEventType.STEP_WORKER_STARTED)
    assert [event.step_key for event in workers] == ["best"]
    assert flyte_sandbox.calls.count("CreateExecution") == 3
