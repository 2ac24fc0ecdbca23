"""Many runs in one step: one process, one question for all, an end for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from dagster_support import meanwhile, runs_of, until
from support.flyte import INTEGER, RawFlyte

from bridge_core import InvalidRequest
from dagster_integration import FlyteResource, FlyteRun, build_flyte_multi_asset

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

COUNT = 40


def run(flyte: FlyteResource, instance: dg.DagsterInstance, asset: Any, **more: Any) -> dg.ExecuteInProcessResult:
    return dg.materialize([asset], resources={"flyte": flyte}, instance=instance, raise_on_error=False, **more)


def told(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    made = [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]
    return {one.asset_key.to_user_string(): one.metadata["n"].value for one in made}


def many(entity: str, count: int, **more: Any) -> dg.AssetsDefinition:
    runs = {f"m{number}": FlyteRun(entity, inputs={"n": number}) for number in range(count)}
    return build_flyte_multi_asset(runs, name="many", poll_interval=0.2, **more)


def test_each_has_a_run_and_one_question_asks_for_all(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    asked: list[int] = []

    def approve() -> None:
        runs = until(lambda: found if len(found := runs_of(raw, name)) == COUNT else None, label="all runs")
        lists = flyte_sandbox.calls.count("ListExecutions")
        until(lambda: flyte_sandbox.calls.count("ListExecutions") >= lists + 3, label="somebody waits for them")
        before = flyte_sandbox.calls.count("GetExecution")
        until(lambda: flyte_sandbox.calls.count("ListExecutions") >= lists + 6, label="somebody still waits")
        asked.append(flyte_sandbox.calls.count("GetExecution") - before)
        for one in runs:
            raw.approve(one.id.name)

    with meanwhile(approve):
        result = run(flyte, instance, many(name, COUNT))
    assert result.success
    assert told(result) == {f"m{number}": number for number in range(COUNT)}
    assert flyte_sandbox.calls.count("CreateExecution") == COUNT
    assert asked == [0], "while they wait, nobody asks for a single one"


def test_some_may_be_chosen(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER})
    result = run(flyte, instance, many(name, 5), selection=["m1", "m3"])
    assert told(result) == {"m1": 1, "m3": 3}
    assert flyte_sandbox.calls.count("CreateExecution") == 2


def test_what_failed_is_named_and_only_that_is_launched_again(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")

    def approve() -> None:
        runs = until(lambda: found if len(found := runs_of(raw, name)) == 3 else None, label="all runs")
        oldest = runs[-1].id.name
        for one in runs:
            raw.approve(one.id.name, value=one.id.name != oldest)

    with meanwhile(approve):
        result = run(flyte, instance, many(name, 3))
    assert not result.success
    assert told(result) == {"m1": 1, "m2": 2}
    (event,) = result.get_step_failure_events()
    data = event.step_failure_data.user_failure_data
    assert data is not None
    assert (data.description or "").startswith("1 of 3 Flyte runs did not end well\nm0: run flytesnacks/development/")
    assert data.metadata["m0/error_class"].value == "user"


def test_a_retry_launches_only_what_failed(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    policy = dg.RetryPolicy(max_retries=1)

    def approve() -> None:
        runs = until(lambda: found if len(found := runs_of(raw, name)) == 3 else None, label="all runs")
        known = {one.id.name for one in runs}
        for one in runs:
            raw.approve(one.id.name, value=one.id.name != runs[0].id.name)
        fresh = until(lambda: {one.id.name for one in runs_of(raw, name)} - known, label="the run of the retry")
        raw.approve(fresh.pop())

    with meanwhile(approve):
        result = run(flyte, instance, many(name, 3, retry_policy=policy, retry_on=["user"]))
    assert result.success
    assert flyte_sandbox.calls.count("CreateExecution") == 4
    assert told(result) == {"m0": 0, "m1": 1, "m2": 2}


def test_patience_that_ends_leaves_those_that_run(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")

    def approve() -> None:
        runs = until(lambda: found if len(found := runs_of(raw, name)) == 2 else None, label="all runs")
        raw.approve(runs[-1].id.name)

    with meanwhile(approve):
        result = run(flyte, instance, many(name, 2, timeout=2.0))
    assert not result.success
    assert told(result) == {"m0": 0}
    assert flyte_sandbox.calls.count("TerminateExecution") == 0


def test_inputs_may_be_functions_and_specs_are_kept(
    raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER})
    days = dg.StaticPartitionsDefinition(["7"])
    runs = {
        "ml/a": FlyteRun(name, inputs=lambda context: {"n": int(context.partition_key)}, spec={"owners": ["team:ml"]})
    }
    asset = build_flyte_multi_asset(runs, name="many", partitions_def=days, group_name="ml")
    (spec,) = asset.specs
    assert (spec.key.path, spec.owners, spec.group_name, spec.kinds) == (["ml", "a"], ["team:ml"], "ml", {"flyte"})
    assert spec.metadata["flyte/entity"] == f"launch_plan:{name}"
    assert told(run(flyte, instance, asset, partition_key="7")) == {"ml/a": 7}


@pytest.mark.parametrize(
    ("runs", "more", "message"),
    [
        ({}, {"name": "many"}, "one at least"),
        ({"a": "pkg.wf"}, {"name": "many"}, "must map keys of assets to FlyteRuns"),
        ({"a": FlyteRun("pkg.wf")}, {}, "name= is needed"),
    ],
)
def test_what_cannot_be_read_is_refused_while_loading(runs: Any, more: Any, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        build_flyte_multi_asset(runs, **more)
