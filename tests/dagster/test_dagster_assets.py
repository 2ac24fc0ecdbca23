"""Materializing Flyte assets with `dagster.materialize`, against the embedded Flyte."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from flyteidl.core import types_pb2
from support.flyte import FILE, INTEGER, STRING, RawFlyte

from bridge_core import EntityRef, InvalidRequest, RunOptions, RunRef
from dagster_integration import FlyteResource, build_flyte_assets, flyte_assets
from dagster_integration._notes import noted_runs

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox


def materialize(assets: Any, flyte: Any, instance: dg.DagsterInstance, **more: Any) -> dg.ExecuteInProcessResult:
    assets = assets if isinstance(assets, list) else [assets]
    return dg.materialize(assets, resources={"flyte": flyte}, instance=instance, raise_on_error=False, **more)


def metadata_of(result: dg.ExecuteInProcessResult, node: str) -> dict[str, Any]:
    (materialization,) = result.asset_materializations_for_node(node)
    return {key: value.value for key, value in materialization.metadata.items()}


def failure_of(result: dg.ExecuteInProcessResult) -> tuple[str, dict[str, Any]]:
    (event,) = result.get_step_failure_events()
    data = event.step_failure_data.user_failure_data
    assert data is not None
    return data.description or "", {key: value.value for key, value in data.metadata.items()}


def test_a_run_becomes_one_launch_and_one_materialization(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER, "who": STRING})
    asset = build_flyte_assets(
        name, name="model", inputs={"n": 3, "who": "you"}, options={"labels": {"team": "ml", "dagster-run-id": "no"}}
    )
    result = materialize(asset, flyte, instance)
    assert result.success
    metadata = metadata_of(result, "model")
    (execution,) = [item for item in raw.executions() if item.spec.launch_plan.name == name]
    ref = f"flytesnacks/development/{execution.id.name}"
    assert metadata["flyte/execution"] == ref
    assert metadata["flyte/run_name"] == execution.id.name
    assert metadata["flyte/phase"] == "SUCCEEDED"
    assert metadata["flyte/console"].startswith(f"{flyte_sandbox.console_url}/console/")
    assert metadata["flyte/entity"] == f"launch_plan:flytesnacks/development/{name}@v1"
    assert (metadata["n"], metadata["who"]) == (3, "you")
    assert flyte_sandbox.calls.count("CreateExecution") == 1
    assert [(one.step, str(one.ref)) for one in noted_runs(instance, result.run_id)] == [("model", ref)]
    stored = "".join(
        dg.serialize_value(entry.event_log_entry) for entry in instance.get_records_for_run(result.run_id).records
    )
    assert ref in stored
    assert not re.search(r"bridge_core\.\w+\.", stored)  # what is stored names no file that may move
    labels = dict(execution.spec.labels.values)
    assert {labels["dagster-run-id"], labels["team"], labels["flyte-bridge-source"]} == {"no", "ml", "dagster"}
    with flyte.get_client() as client:
        by = client.describe(RunRef.parse(ref)).provenance
    assert by is not None
    assert (by.source, by.job, by.run, by.task, by.asset) == (
        "dagster",
        "__ephemeral_asset_job__",
        result.run_id,
        "model",
        "model",
    )
    assert (by.attempt, by.identity, by.awaited) == (1, result.run_id, True)
    assert by.installation == instance.run_storage.get_run_storage_id()


def test_log_lines_say_what_happens(
    raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {})
    result = materialize(build_flyte_assets(name, name="model"), flyte, instance)
    lines = [entry.user_message for entry in instance.all_logs(result.run_id) if not entry.is_dagster_event]
    assert lines[0].startswith("launched Flyte run flytesnacks/development/d")
    assert "Console: http" in lines[0]
    assert lines[-1].endswith(": SUCCEEDED")


def test_the_run_is_noted_before_it_is_made(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER})
    result = materialize(build_flyte_assets(name, name="model", inputs={"n": "three"}), flyte, instance)
    (noted,) = noted_runs(instance, result.run_id)
    assert str(noted.ref).startswith("flytesnacks/development/d")
    assert noted.step == "model"
    assert flyte_sandbox.calls.count("CreateExecution") == 0


def test_inputs_may_come_from_the_partition(
    raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"day": STRING})
    days = dg.StaticPartitionsDefinition(["mon", "tue"])
    asset = build_flyte_assets(
        name, key=["ml", "daily"], partitions_def=days, inputs=lambda context: {"day": context.partition_key}
    )
    for day in ("mon", "tue"):
        result = materialize(asset, flyte, instance, partition_key=day)
        assert metadata_of(result, "ml__daily")["day"] == day


@pytest.mark.filterwarnings("ignore:Parameter `backfill_policy` of function `asset` is currently in beta")
def test_a_range_of_partitions_in_one_run_is_one_launch(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"first": STRING, "last": STRING})
    days = dg.DailyPartitionsDefinition("2026-01-01")

    @flyte_assets(name, name="ranged", partitions_def=days, backfill_policy=dg.BackfillPolicy.single_run())
    def ranged(context: dg.AssetExecutionContext) -> dict[str, str]:
        start, end = context.partition_key_range
        return {"first": start, "last": end}

    tags = {
        "dagster/asset_partition_range_start": "2026-01-01",
        "dagster/asset_partition_range_end": "2026-01-03",
    }
    result = materialize(ranged, flyte, instance, tags=tags)
    assert result.success
    found = result.asset_materializations_for_node("ranged")
    assert [item.partition for item in found] == ["2026-01-01", "2026-01-02", "2026-01-03"]
    assert {item.metadata["last"].value for item in found} == {"2026-01-03"}
    assert flyte_sandbox.calls.count("CreateExecution") == 1


def test_a_decorated_function_gets_upstream_values_resources_and_config(
    raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER, "who": STRING})

    @dg.asset
    def upstream() -> int:
        return 20

    @flyte_assets(name, group_name="ml", kinds={"pytorch"})
    def model(upstream: int, extra: dg.ResourceParam[int]) -> dict[str, Any]:
        """What people read in the catalog."""
        return {"n": upstream + extra, "who": "you"}

    assert model.key == dg.AssetKey("model")
    spec = model.get_asset_spec()
    assert spec.kinds == {"flyte", "pytorch"}
    assert spec.group_name == "ml"
    assert spec.description == "What people read in the catalog."
    assert spec.metadata["flyte/entity"] == f"launch_plan:{name}"
    resources = {"flyte": flyte, "extra": 22}
    result = dg.materialize([upstream, model], resources=resources, instance=instance)
    assert metadata_of(result, "model")["n"] == 42


def test_required_resource_keys_and_a_flyte_parameter_work_too(
    raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER})
    keyed = build_flyte_assets(
        name,
        name="keyed",
        inputs=lambda context: {"n": context.resources.extra},
        required_resource_keys={"extra"},
    )

    @flyte_assets(name)
    def parametrised(flyte: FlyteResource) -> dict[str, Any]:
        return {"n": len(flyte.get_config().project or "")}

    resources = {"flyte": flyte, "extra": 22}
    result = dg.materialize([keyed, parametrised], resources=resources, instance=instance)
    assert (metadata_of(result, "keyed")["n"], metadata_of(result, "parametrised")["n"]) == (22, 11)


def test_the_last_part_of_the_entity_names_the_asset() -> None:
    assert build_flyte_assets("ml/production/pkg.train-all@v3").key == dg.AssetKey("train_all")
    assert build_flyte_assets(EntityRef.task("pkg.t"), key="other").key == dg.AssetKey("other")


def test_what_cannot_be_read_is_refused_while_definitions_load() -> None:
    with pytest.raises(InvalidRequest, match=r"entity 'a/b' cannot be read"):
        build_flyte_assets("a/b", name="x")
    with pytest.raises(InvalidRequest, match="timeout must be a number of seconds"):
        build_flyte_assets("w", name="a", timeout="2h")
    with pytest.raises(InvalidRequest, match="poll_interval must be more than 0 seconds"):
        build_flyte_assets("w", name="a", poll_interval=0)
    with pytest.raises(InvalidRequest, match="unknown run option 'lables'"):
        build_flyte_assets("pkg.wf", options={"lables": {}})
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="must be a plain function that returns the inputs"):

        @flyte_assets("pkg.wf")
        async def asynchronous() -> dict[str, Any]:  # type: ignore[arg-type]  # what the message is about
            return {}


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"n": "three"}, "inputs.n: expected integer, got 'three' (str)"),
        ({}, "inputs.n: missing"),
        ({"n": 1, "m": 2}, "inputs.m: unknown input; known inputs: n"),
        (lambda _context: [1], "must be a mapping of input names to values; asset 'model' gave list"),
    ],
    ids=["type", "missing", "unknown", "no mapping"],
)
def test_bad_input_is_one_message_and_no_launch_and_no_retry(
    *,
    flyte_sandbox: Sandbox,
    raw: RawFlyte,
    flyte: FlyteResource,
    instance: dg.DagsterInstance,
    name: str,
    inputs: Any,
    message: str,
) -> None:
    raw.register(name, {"n": INTEGER})
    asset = build_flyte_assets(name, name="model", inputs=inputs, retry_policy=dg.RetryPolicy(max_retries=3))
    result = materialize(asset, flyte, instance)
    description, metadata = failure_of(result)
    assert message in description
    assert name in description
    assert metadata == {}
    assert flyte_sandbox.calls.count("CreateExecution") == 0


def test_an_unknown_entity_is_named(flyte_sandbox: Sandbox, flyte: FlyteResource, instance: dg.DagsterInstance) -> None:
    result = materialize(build_flyte_assets("no.such", name="model"), flyte, instance)
    description, _ = failure_of(result)
    assert "no launch plan 'no.such' in flytesnacks/development" in description


def test_a_missing_project_says_where_to_set_it(flyte_sandbox: Sandbox, instance: dg.DagsterInstance) -> None:
    nowhere = FlyteResource(endpoint=flyte_sandbox.endpoint, insecure=True)
    description, _ = failure_of(materialize(build_flyte_assets("pkg.wf", name="model"), nowhere, instance))
    assert (
        "no project and no domain; name what is missing in the reference (launch_plan:project/domain/name)"
        in description
    )
    assert "in FlyteResource(project=…, domain=…)" in description


def test_a_malformed_setting_and_a_foreign_resource_are_named(instance: dg.DagsterInstance) -> None:
    wrong = FlyteResource(endpoint="http://flyte.example")
    description, _ = failure_of(materialize(build_flyte_assets("pkg.wf", name="model"), wrong, instance))
    assert description.startswith("resource 'flyte': ")
    assert "Flyte speaks gRPC" in description
    description, _ = failure_of(materialize(build_flyte_assets("pkg.wf", name="model"), object(), instance))
    assert "resource 'flyte' of asset 'model' (launch_plan:pkg.wf) must be a FlyteResource, got object" in description


def test_an_unreachable_flyte_is_retried_and_says_what_a_retry_does(instance: dg.DagsterInstance) -> None:
    dead = FlyteResource(endpoint="127.0.0.1:1", insecure=True, project="p", domain="d", rpc_timeout=0.3)
    asset = build_flyte_assets("pkg.wf", name="model", timeout=0.3, retry_policy=dg.RetryPolicy(max_retries=1))
    result = materialize(asset, dead, instance)
    assert len(retries(result)) == 1
    description, metadata = failure_of(result)
    assert "cannot reach Flyte at 127.0.0.1:1" in description
    assert f"attaches to run {metadata['flyte/execution']}" in description


def retries(result: dg.ExecuteInProcessResult) -> list[dg.DagsterEvent]:
    return [event for event in result.all_events if event.event_type is dg.DagsterEventType.STEP_UP_FOR_RETRY]


def test_a_lost_answer_is_not_a_second_launch(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER})
    flyte_sandbox.faults.fail("CreateExecution", after_commit=True)
    result = materialize(build_flyte_assets(name, name="model", inputs={"n": 3}), flyte, instance)
    assert metadata_of(result, "model")["n"] == 3
    assert len([item for item in raw.executions() if item.spec.launch_plan.name == name]) == 1


def test_files_are_shown_as_paths(
    raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str, tmp_path: Any
) -> None:
    raw.register(name, {"file": FILE})
    (tmp_path / "a.txt").write_text("hello")
    result = materialize(build_flyte_assets(name, name="model", inputs={"file": tmp_path / "a.txt"}), flyte, instance)
    metadata = metadata_of(result, "model")
    assert metadata["file"] == metadata["dagster/uri"]
    assert metadata["file"].endswith("a.txt")


def test_files_inside_a_structure_are_uploaded_or_refused(
    raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str, tmp_path: Any
) -> None:
    kind = types_pb2.LiteralType(simple=types_pb2.STRUCT)
    file = {"title": "FlyteFile", "type": "object", "properties": {"path": {"type": "string"}}}
    kind.metadata.update({"title": "Job", "type": "object", "properties": {"weights": file}})
    kind.annotation.annotations.update({"cache-key-metadata": {"serialization-format": "msgpack"}})
    raw.register(name, {"job": kind})
    inputs = {"job": {"weights": {"path": str(tmp_path / "a.txt")}}}
    result = materialize(build_flyte_assets(name, name="model", inputs=inputs), flyte, instance)
    assert "job.weights" in failure_of(result)[0]
    (tmp_path / "a.txt").write_text("hello")
    result = materialize(build_flyte_assets(name, name="model", inputs=inputs), flyte, instance)
    assert result.success
    assert str(tmp_path) not in str(metadata_of(result, "model"))


def test_run_options_arrive(raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str) -> None:
    raw.register(name, {})
    materialize(build_flyte_assets(name, name="model", options=RunOptions(max_parallelism=7)), flyte, instance)
    (execution,) = [item for item in raw.executions() if item.spec.launch_plan.name == name]
    assert execution.spec.max_parallelism == 7


def test_calling_an_asset_outside_a_run_says_what_to_do_instead(flyte: FlyteResource) -> None:
    asset = build_flyte_assets("pkg.wf", name="model")
    given = dg.build_asset_context(resources={"flyte": flyte})
    with given as context, pytest.raises(dg.Failure, match=r"in a test, use dagster\.materialize"):
        asset(context)


def test_runs_link_back_to_dagsters_page(
    flyte_sandbox: Sandbox, raw: RawFlyte, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {})
    given = {"endpoint": flyte_sandbox.endpoint, "insecure": True, "project": "flytesnacks", "domain": "development"}
    flyte = FlyteResource(**given, dagster_url="https://dagster.example/")
    result = materialize(build_flyte_assets(name, name="model"), flyte, instance)
    (noted,) = noted_runs(instance, result.run_id)
    with flyte.get_client() as client:
        by = client.describe(noted.ref).provenance
    assert by is not None
    assert by.url == f"https://dagster.example/runs/{result.run_id}"
