"""Assets that are made without Dagster's decorator are what the decorator makes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from dagster_integration._lean import lean_assets

DAYS = dg.DailyPartitionsDefinition(start_date="2026-01-01")
PLAIN: dict[str, Any] = {"name": "step", "description": "Trains.", "required_resource_keys": {"flyte"}}


def specs(**more: Any) -> list[dg.AssetSpec]:
    common: dict[str, Any] = {
        "kinds": {"flyte"},
        "owners": ["team:ml"],
        "tags": {"a": "b"},
        "code_version": "3",
        **more,
    }
    metadata = {"dagster/io_manager_key": "flyte_io", "rows": 3}
    return [dg.AssetSpec(["ml", "one"], metadata=metadata, description="One.", **common), dg.AssetSpec("two", **common)]


def compute(context) -> Iterator[Any]:  # type: ignore[no-untyped-def]  # Dagster reads annotations
    for key in context.selected_asset_keys:
        yield dg.MaterializeResult(asset_key=key, metadata={"op": context.op_def.name})


def about(made: dg.AssetsDefinition) -> dict[str, Any]:
    step = made.node_def
    assert isinstance(step, dg.OpDefinition)
    of_outs = {
        name: (
            out.dagster_type.key, out.is_required, out.description, out.code_version, out.io_manager_key,
            dict(out.metadata or {}),
        )
        for name, out in step.output_dict.items()
    }  # fmt: skip
    return {
        "specs": {spec.key: spec for spec in made.specs},
        "keys": dict(made.keys_by_output_name),
        "subset": made.can_subset,
        "backfill": made.backfill_policy,
        "resources": dict(made.resource_defs),
        "step": (
            step.name,
            step.description,
            step.required_resource_keys,
            step.retry_policy,
            dict(step.tags),
            step.pool,
        ),
        "ins": list(step.input_dict),
        "outs": of_outs,
    }


@pytest.mark.filterwarnings("ignore:Parameter `(resource_defs|backfill_policy)`")
@pytest.mark.parametrize(
    ("of_specs", "settings"),
    [
        ({}, {}),
        ({"partitions_def": DAYS}, {"partitions_def": DAYS, "backfill_policy": dg.BackfillPolicy.single_run()}),
        ({}, {"partitions_def": DAYS, "group_name": "ml"}),
        ({"group_name": "ml"}, {"retry_policy": dg.RetryPolicy(max_retries=2), "op_tags": {"x": "y"}, "pool": "flyte"}),
        ({"automation_condition": dg.AutomationCondition.eager()}, {"hooks": None, "ins": None}),
    ],
)
def test_they_are_what_the_decorator_makes(of_specs: dict[str, Any], settings: dict[str, Any]) -> None:
    given = {**PLAIN, **settings}
    lean = lean_assets(specs(**of_specs), compute, given)
    assert lean is not None
    decorated = dg.multi_asset(specs=specs(**of_specs), can_subset=True, **given)(compute)
    assert about(lean) == about(decorated)


@pytest.mark.parametrize(
    ("of_specs", "settings"),
    [
        ({"deps": ["upstream"]}, {}),
        ({}, {"hooks": {object()}}),
        ({}, {"name": None}),
        ({"group_name": "ml"}, {"group_name": "other"}),
    ],
)
def test_what_says_more_is_left_to_the_decorator(of_specs: dict[str, Any], settings: dict[str, Any]) -> None:
    assert lean_assets(specs(**of_specs), compute, {**PLAIN, **settings}) is None


def test_they_are_materialized_and_may_be_chosen() -> None:
    lean = lean_assets(specs(), compute, {**PLAIN, "required_resource_keys": set()})
    assert lean is not None
    result = dg.materialize([lean], selection=["two"], resources={"flyte_io": dg.mem_io_manager})
    (event,) = result.get_asset_materialization_events()
    metadata = event.step_materialization_data.materialization.metadata
    assert (event.asset_key, metadata["op"].value) == (dg.AssetKey("two"), "step")
