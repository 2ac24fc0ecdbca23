"""Partitions as inputs: one, a range, several dimensions, dynamic ones; converted to what Flyte registered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from flyteidl.core import types_pb2
from support.flyte import INTEGER, STRING, RawFlyte

from bridge_core import InvalidRequest
from dagster_integration import FlyteResource, build_flyte_assets

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

DATETIME = types_pb2.LiteralType(simple=types_pb2.DATETIME)
TEXTS = types_pb2.LiteralType(collection_type=STRING)
NUMBERS = types_pb2.LiteralType(collection_type=INTEGER)
DAYS = dg.DailyPartitionsDefinition(start_date="2020-01-01", end_date="2026-11-01")
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def inputs_of(
    flyte: FlyteResource, instance: dg.DagsterInstance, asset: Any, key: str | None, span: tuple[str, str] | None = None
) -> dict[str, Any]:
    """The inputs of the run that made these partitions; each has a materialization."""
    tags = dict(zip(RANGE, span, strict=True)) if span else {}
    result = dg.materialize(
        [asset], resources={"flyte": flyte}, instance=instance, partition_key=key, tags=tags, raise_on_error=False
    )
    assert result.success, [event.event_specific_data for event in result.get_step_failure_events()]
    made = [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]
    refs = {str(one.metadata["flyte/execution"].value) for one in made}
    assert len(refs) == 1
    with flyte.get_client() as client:
        return {**client.inputs(refs.pop()), "partitions": len(made)}


def test_one_partition_in_every_type(
    flyte_sandbox: Sandbox, flyte: FlyteResource, instance: dg.DagsterInstance, raw: RawFlyte, name: str
) -> None:
    raw.register(name, {"day": DATETIME, "text": STRING, "path": STRING, "end": DATETIME, "days": TEXTS, "n": INTEGER})
    asset = build_flyte_assets(
        name,
        name="model",
        partitions_def=DAYS,
        inputs={"n": 1},
        partition_inputs={
            "day": "{key}",
            "text": "{key}",
            "path": "s3://b/{key}/x",
            "end": "{end}",
            "days": "{keys}",
            "n": lambda context: int(context.partition_key[:4]),
        },
    )
    assert asset.backfill_policy is None
    assert inputs_of(flyte, instance, asset, "2026-01-05") == {
        "day": datetime(2026, 1, 5, tzinfo=UTC),
        "text": "2026-01-05",
        "path": "s3://b/2026-01-05/x",
        "end": datetime(2026, 1, 6, tzinfo=UTC),
        "days": ["2026-01-05"],
        "n": 2026,
        "partitions": 1,
    }


@pytest.mark.parametrize(
    ("last", "count", "until"),
    [
        ("2020-02-19", 50, "2020-02-20"),
        pytest.param("2022-09-26", 1000, "2022-09-27", marks=[pytest.mark.long, pytest.mark.timeout(600)]),
    ],
)
def test_a_range_is_one_run(
    *, flyte_sandbox: Sandbox, flyte: FlyteResource, instance: dg.DagsterInstance, raw: RawFlyte, name: str,
    last: str, count: int, until: str,
) -> None:  # fmt: skip
    raw.register(name, {"start": DATETIME, "end": STRING, "days": TEXTS})
    asset = build_flyte_assets(
        name,
        name="model",
        partitions_def=DAYS,
        partition_inputs={"start": "{start}", "end": "{end}", "days": "{keys}"},
    )
    assert asset.backfill_policy == dg.BackfillPolicy.single_run()
    found = inputs_of(flyte, instance, asset, None, ("2020-01-01", last))
    assert found["partitions"] == count == len(found["days"])
    assert (found["start"], found["end"]) == (datetime(2020, 1, 1, tzinfo=UTC), f"{until}T00:00:00+00:00")
    assert (found["days"][0], found["days"][-1]) == ("2020-01-01", last)
    assert flyte_sandbox.calls.count("CreateExecution") == 1


def test_dimensions(
    flyte_sandbox: Sandbox, flyte: FlyteResource, instance: dg.DagsterInstance, raw: RawFlyte, name: str
) -> None:
    raw.register(name, {"day": DATETIME, "shard": INTEGER, "shards": NUMBERS, "until": DATETIME})
    both = dg.MultiPartitionsDefinition({"day": DAYS, "shard": dg.StaticPartitionsDefinition(["1", "2"])})
    asset = build_flyte_assets(
        name,
        name="model",
        partitions_def=both,
        partition_inputs={"day": "{key.day}", "shard": "{key.shard}", "shards": "{keys.shard}", "until": "{end.day}"},
    )
    key = dg.MultiPartitionKey({"day": "2026-01-05", "shard": "2"})
    assert inputs_of(flyte, instance, asset, key) == {
        "day": datetime(2026, 1, 5, tzinfo=UTC),
        "shard": 2,
        "shards": [2],
        "until": datetime(2026, 1, 6, tzinfo=UTC),
        "partitions": 1,
    }


def test_partitions_that_were_added(
    flyte: FlyteResource, instance: dg.DagsterInstance, raw: RawFlyte, name: str
) -> None:
    raw.register(name, {"customer": STRING})
    customers = dg.DynamicPartitionsDefinition(name="customers")
    asset = build_flyte_assets(name, name="model", partitions_def=customers, partition_inputs={"customer": "{key}"})
    instance.add_dynamic_partitions("customers", ["acme"])
    assert inputs_of(flyte, instance, asset, "acme")["customer"] == "acme"


@pytest.mark.parametrize(
    ("key", "kind", "message"),
    [("a", INTEGER, "partition key 'a' is no integer"), ("a", DATETIME, "partition key 'a' is no datetime")],
)
def test_a_key_that_is_no_value_of_the_type(
    *, flyte_sandbox: Sandbox, flyte: FlyteResource, instance: dg.DagsterInstance, raw: RawFlyte, name: str,
    key: str, kind: Any, message: str,
) -> None:  # fmt: skip
    raw.register(name, {"n": kind})
    definition = dg.StaticPartitionsDefinition([key])
    asset = build_flyte_assets(name, name="model", partitions_def=definition, partition_inputs={"n": "{key}"})
    result = dg.materialize(
        [asset], resources={"flyte": flyte}, instance=instance, partition_key=key, raise_on_error=False
    )
    (event,) = result.get_step_failure_events()
    data = event.step_failure_data.user_failure_data
    assert data is not None
    assert message in (data.description or "")
    assert flyte_sandbox.calls.count("CreateExecution") == 0


MULTI = dg.MultiPartitionsDefinition({"day": DAYS, "shard": dg.StaticPartitionsDefinition(["1"])})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"partition_inputs": {"n": "{key}"}}, "is for assets with partitions"),
        ({"partition_inputs": {}, "partitions_def": DAYS}, "must map inputs to texts"),
        ({"partition_inputs": {"n": "{day}"}, "partitions_def": DAYS}, "wanted a function, or a text with"),
        ({"partition_inputs": {"n": 3}, "partitions_def": DAYS}, "wanted a function, or a text with"),
        ({"partition_inputs": {"n": "{key.day}"}, "partitions_def": DAYS}, "have one dimension"),
        (
            {"partition_inputs": {"n": "{key.hour}"}, "partitions_def": MULTI},
            "no dimension 'hour'; there are day, shard",
        ),
        ({"partition_inputs": {"n": "{start}"}, "partitions_def": MULTI}, "of which dimension"),
        ({"partition_inputs": {"n": "{end.shard}"}, "partitions_def": MULTI}, "says nothing about time"),
        (
            {
                "partition_inputs": {"n": "{key}"},
                "partitions_def": DAYS,
                "backfill_policy": dg.BackfillPolicy.single_run(),
            },
            "is one partition, and the backfill policy makes many",
        ),
    ],
)
def test_what_cannot_be_is_refused_while_loading(given: Any, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        build_flyte_assets("pkg.wf", name="model", **given)
