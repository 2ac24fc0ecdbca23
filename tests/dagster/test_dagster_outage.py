"""Flyte goes away at each moment of a step: every question is asked again, people see it, and what ends the step is time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from dagster_support import meanwhile, runs_of, until
from support.flyte import INTEGER, RawFlyte

from bridge_core import InvalidRequest, RunOptions
from dagster_integration import FlyteResource, build_flyte_assets, flyte_assets

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox


def run(flyte: FlyteResource, instance: dg.DagsterInstance, asset: Any, **more: Any) -> dg.ExecuteInProcessResult:
    return dg.materialize([asset], resources={"flyte": flyte}, instance=instance, raise_on_error=False, **more)


def warnings_of(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> list[str]:
    entries = instance.all_logs(result.run_id)
    return [entry.user_message for entry in entries if not entry.is_dagster_event and entry.level == 30]


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED"])
@pytest.mark.parametrize(
    ("method", "what"),
    [
        ("GetLaunchPlan", "launching run"),
        ("CreateExecution", "launching run"),
        ("GetExecutionData", "reading the outputs of run"),
    ],
)
def test_an_outage_is_waited_out_and_seen_at_every_question(
    *,
    flyte_sandbox: Sandbox,
    raw: RawFlyte,
    flyte: FlyteResource,
    instance: dg.DagsterInstance,
    name: str,
    method: str,
    what: str,
    code: str,
) -> None:
    raw.register(name, {"n": INTEGER}, activate=True)
    asset = build_flyte_assets(f"{name}@v1", name="model", inputs={"n": 3}, poll_interval=0.1)
    # More failures than a call makes attempts by itself, so that the step has to ask again.
    flyte_sandbox.faults.fail(method, code=code, times=9)
    result = run(flyte, instance, asset)
    assert result.success
    flyte_sandbox.faults.assert_consumed()
    assert len(runs_of(raw, name)) == 1
    said = warnings_of(instance, result)
    assert [line for line in said if line.startswith(what) and "It is asked again until it answers." in line]
    assert [line for line in said if line.startswith(what) and line.endswith("Flyte answers again")]


def test_an_outage_while_waiting_is_an_event_too(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    asset = build_flyte_assets(name, name="model", inputs={"n": 3}, poll_interval=0.1)

    def outage() -> None:
        (found,) = until(lambda: runs_of(raw, name), label="the run")
        before = flyte_sandbox.calls.count("GetExecution")
        until(lambda: flyte_sandbox.calls.count("GetExecution") > before + 2, label="somebody waits")
        flyte_sandbox.faults.fail("GetExecution", times=9)
        until(lambda: not flyte_sandbox.faults.pending(), label="the outage is over")
        raw.approve(found.id.name)

    with meanwhile(outage):
        result = run(flyte, instance, asset)
    assert result.success
    said = warnings_of(instance, result)
    assert (
        len([line for line in said if "waiting for run" in line and "It is asked again until it answers." in line]) == 1
    )
    assert len([line for line in said if "waiting for run" in line and line.endswith("Flyte answers again")]) == 1


def test_time_ends_a_launch_too_and_a_retry_attaches(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER})
    flyte_sandbox.faults.fail("CreateExecution", times=8)  # two launches, as often as each is sent
    policy = dg.RetryPolicy(max_retries=9)
    asset = build_flyte_assets(
        name, name="model", inputs={"n": 3}, timeout=0.05, poll_interval=0.1, retry_policy=policy
    )
    result = run(flyte, instance, asset)
    assert result.success
    flyte_sandbox.faults.assert_consumed()
    assert len(runs_of(raw, name)) == 1
    tries = [e for e in result.all_events if e.event_type is dg.DagsterEventType.STEP_UP_FOR_RETRY]
    assert len(tries) >= 2
    assert flyte_sandbox.calls.count("CreateExecution") == 9


def test_options_may_be_a_function_of_the_context(
    raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER})

    @flyte_assets(name, options=lambda context: {"labels": {"asset": context.asset_key.to_user_string()}})
    def by_mapping() -> dict[str, int]:
        return {"n": 1}

    @flyte_assets(name, options=lambda context: RunOptions(max_parallelism=len(context.run.job_name)))
    def by_options() -> dict[str, int]:
        return {"n": 2}

    result = dg.materialize([by_mapping, by_options], resources={"flyte": flyte}, instance=instance)
    assert result.success
    specs = [item.spec for item in runs_of(raw, name)]
    assert "by_mapping" in {spec.labels.values["asset"] for spec in specs if "asset" in spec.labels.values}
    assert len("__ephemeral_asset_job__") in {spec.max_parallelism for spec in specs}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda _: 7, "must return RunOptions or a mapping of its fields, got int"),
        (lambda _: {"lables": {}}, "'lables'"),
    ],
    ids=["kind", "field"],
)
def test_a_function_of_options_that_gives_something_else_launches_nothing(
    *,
    flyte_sandbox: Sandbox,
    raw: RawFlyte,
    flyte: FlyteResource,
    instance: dg.DagsterInstance,
    name: str,
    given: Any,
    message: str,
) -> None:
    raw.register(name, {})
    asset = build_flyte_assets(name, name="model", options=given, retry_policy=dg.RetryPolicy(max_retries=2))
    result = run(flyte, instance, asset)
    (event,) = result.get_step_failure_events()
    data = event.step_failure_data.user_failure_data
    assert data is not None
    assert "options of asset 'model'" in (data.description or "")
    assert message in (data.description or "")
    assert flyte_sandbox.calls.count("CreateExecution") == 0


@pytest.mark.parametrize(("wanted", "there"), [(True, {"n", "m"}), (False, set()), (["m"], {"m"}), ((), set())])
def test_outputs_go_to_the_event_log_as_far_as_wanted(
    *,
    flyte_sandbox: Sandbox,
    raw: RawFlyte,
    flyte: FlyteResource,
    instance: dg.DagsterInstance,
    name: str,
    wanted: Any,
    there: set[str],
) -> None:
    raw.register(name, {"n": INTEGER, "m": INTEGER})
    asset = build_flyte_assets(name, name="model", inputs={"n": 3, "m": 4}, metadata_outputs=wanted)
    result = run(flyte, instance, asset)
    (materialization,) = result.asset_materializations_for_node("model")
    assert {"n", "m"} & set(materialization.metadata) == there
    assert "flyte/execution" in materialization.metadata
    if not there:
        assert flyte_sandbox.calls.count("GetExecutionData") == 0


def test_an_output_that_is_not_there_is_named_and_costs_nothing(
    raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER})
    result = run(
        flyte, instance, build_flyte_assets(name, name="model", inputs={"n": 3}, metadata_outputs=["n", "rows"])
    )
    assert result.success
    assert any(
        "metadata_outputs names rows, which run" in line and "it has n" in line
        for line in warnings_of(instance, result)
    )


def test_the_size_of_what_is_kept_may_be_bounded(
    raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    from support.flyte import STRING

    raw.register(name, {"text": STRING})
    asset = build_flyte_assets(name, name="model", inputs={"text": "x" * 500}, metadata_limit=100)
    (materialization,) = run(flyte, instance, asset).asset_materializations_for_node("model")
    text = str(materialization.metadata["text"].value)
    assert text.startswith("x" * 100 + "… (500 characters")


@pytest.mark.parametrize("wrong", [{"metadata_outputs": "n"}, {"metadata_outputs": [1]}, {"metadata_limit": -1}])
def test_wrong_bounds_are_refused_while_loading(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="metadata_"):
        build_flyte_assets("pkg.wf", **wrong)
