"""Flyte runs as ops, and inputs of a launch as configuration that the launchpad shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from flyteidl.core import types_pb2
from support.flyte import INTEGER, STRING, RawFlyte, integer

from bridge_core import InputSpec, InvalidRequest
from dagster_integration import FlyteResource, FlyteRunConfig, build_flyte_assets, flyte_run_op
from dagster_integration._notes import noted_runs

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

DATETIME = types_pb2.LiteralType(simple=types_pb2.DATETIME)
DURATION = types_pb2.LiteralType(simple=types_pb2.DURATION)


def test_outputs_go_from_op_to_op(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER, "who": STRING})
    first = flyte_run_op(name, name="first", inputs={"n": 3, "who": "you"}, outputs={"n": dg.Out(int)})
    second = flyte_run_op(name, name="second", inputs={"n": 9, "who": "me"}, ins={"n": dg.In(int)})

    @dg.job(resource_defs={"flyte": flyte})
    def both() -> None:
        second(first())

    result = both.execute_in_process(instance=instance)
    assert result.output_for_node("first", "n") == 3
    assert result.output_for_node("second") == {"n": 3, "who": "me"}
    assert flyte_sandbox.calls.count("CreateExecution") == 2
    told = [event.step_output_data.metadata for event in result.all_events if event.event_type_value == "STEP_OUTPUT"]
    assert [metadata["n"].value for metadata in told] == [3, 3]
    assert [str(metadata["flyte/execution"].value) for metadata in told] == [
        str(noted.ref) for noted in noted_runs(instance, result.run_id)
    ]


def test_an_op_is_tried_again_and_attaches(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER})
    op = flyte_run_op(name, inputs={"n": 3}, retry_policy=dg.RetryPolicy(max_retries=1))
    flyte_sandbox.faults.fail("GetExecutionData", code="INVALID_ARGUMENT")

    @dg.job(resource_defs={"flyte": flyte})
    def one() -> None:
        op()

    assert one.execute_in_process(instance=instance).success
    assert flyte_sandbox.calls.count("CreateExecution") == 1


def test_an_output_that_is_not_there_and_inputs_that_are_none(
    raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER})
    for op, message in (
        (flyte_run_op(name, inputs={"n": 3}, outputs={"m": dg.Out()}), "has no output 'm'; it has n"),
        (flyte_run_op(name, inputs=lambda context: [3]), "wanted a mapping, got list"),  # type: ignore[arg-type,return-value]
    ):
        job = dg.GraphDefinition("g", node_defs=[op]).to_job(resource_defs={"flyte": flyte})
        result = job.execute_in_process(instance=instance, raise_on_error=False)
        (event,) = result.get_step_failure_events()
        data = event.step_failure_data.user_failure_data
        assert data is not None
        assert message in (data.description or "")
    with pytest.raises(InvalidRequest, match="leaves nothing to wait for"):
        flyte_run_op(name, outputs={})


def test_the_launchpad_has_a_field_for_each_input(flyte: FlyteResource, raw: RawFlyte, name: str) -> None:
    numbers = types_pb2.LiteralType(collection_type=INTEGER)
    colour = types_pb2.LiteralType(enum_type=types_pb2.EnumType(values=["red", "green"]))
    raw.register(
        name,
        {"n": INTEGER, "days": numbers, "colour": colour, "at": DATETIME, "copy": STRING, "limit": INTEGER},
        defaults={"limit": integer(5)},
    )
    made = FlyteRunConfig.of(flyte.fetch_interface(name), name="Training")
    fields = made.to_config_schema().as_field().config_type.fields  # type: ignore[attr-defined]
    assert {
        key: (field.config_type.given_name or str(field.config_type.key), field.is_required)
        for key, field in fields.items()
    } == {
        "n": ("IntSourceType", True),
        "days": ("Array.IntSourceType", True),
        "colour": ("Choice", True),
        "at": ("StringSourceType", True),
        "copy": ("StringSourceType", True),
        "limit": ("Noneable.IntSourceType", False),
    }
    assert fields["limit"].description == "integer; left out: 5"
    assert fields["at"].description.startswith("datetime; ISO 8601")
    given = {"n": 3, "days": [1], "colour": "red", "at": "2026-11-20T08:00:00+00:00", "copy": "x"}
    assert made(**given).to_inputs() == {**given, "at": datetime(2026, 11, 20, 8, tzinfo=UTC)}


def test_what_the_launchpad_sets_stands_over_the_rest(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER, "who": STRING, "at": DATETIME, "for": DURATION})
    config = FlyteRunConfig.of(flyte.fetch_interface(name), optional=["n", "who"])
    asset = build_flyte_assets(name, name="model", inputs={"n": 3, "who": "you"}, config=config)
    op = flyte_run_op(name, name="model", inputs={"n": 3, "who": "you"}, config=config)
    given = {"who": "me", "at": "2026-11-20T08:00:00", "for": "1h30m"}
    run_config = {"ops": {"model": {"config": given}}}
    made = dg.materialize([asset], resources={"flyte": flyte}, instance=instance, run_config=run_config)
    (materialization,) = made.asset_materializations_for_node("model")
    shown = {key: value.value for key, value in materialization.metadata.items()}
    assert (shown["n"], shown["who"]) == (3, "me")
    job = dg.GraphDefinition("g", node_defs=[op]).to_job(resource_defs={"flyte": flyte})
    result = job.execute_in_process(instance=instance, run_config=run_config)
    assert result.output_for_node("model") == {
        "n": 3, "who": "me", "at": datetime(2026, 11, 20, 8, tzinfo=UTC), "for": timedelta(hours=1.5),
    }  # fmt: skip


def test_a_field_of_the_wrong_kind_is_refused_before_anything_runs(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    config = FlyteRunConfig.of({"n": "integer"})
    asset = build_flyte_assets(name, name="model", config=config)
    run_config = {"ops": {"model": {"config": {"n": "three"}}}}
    with pytest.raises(dg.DagsterInvalidConfigError, match="three"):
        dg.materialize([asset], resources={"flyte": flyte}, instance=instance, run_config=run_config)
    assert len(flyte_sandbox.calls) == 0


def test_names_that_are_not_inputs_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="no input 'm'; there are n"):
        FlyteRunConfig.of({"n": InputSpec(type="integer", required=True)}, optional=["m"])
    made: Any = FlyteRunConfig.of({"at": "datetime"})
    with pytest.raises(dg.Failure, match="input 'at' is a datetime, and 'soon' is none"):
        made(at="soon").to_inputs()
