"""Which arguments of `dagster.asset` a Flyte asset takes, and which it refuses while definitions load, with the way out.

An argument that is passed on and then does nothing, or fails after a run of hours, is worse than one that is refused.
A test holds both tables against Dagster's signature.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

import dagster as dg

__all__ = ["REFUSED", "AssetArguments", "check_arguments"]


class AssetArguments(TypedDict, total=False):
    """Arguments of `dagster.asset` that are passed on as they are."""

    name: str | None
    key: dg.AssetKey | str | Sequence[str] | None
    key_prefix: str | Sequence[str] | None
    ins: Mapping[str, dg.AssetIn] | None
    deps: Iterable[Any] | None
    description: str | None
    group_name: str | None
    metadata: Mapping[str, Any] | None
    tags: Mapping[str, str] | None
    owners: Sequence[str] | None
    kinds: set[str] | None
    code_version: str | None
    config_schema: Any
    io_manager_key: str | None
    partitions_def: dg.PartitionsDefinition[Any] | None
    backfill_policy: dg.BackfillPolicy | None
    automation_condition: dg.AutomationCondition[Any] | None
    freshness_policy: Any
    retry_policy: dg.RetryPolicy | None
    pool: str | None
    op_tags: Mapping[str, Any] | None
    hooks: set[dg.HookDefinition] | None
    required_resource_keys: set[str] | None
    resource_defs: Mapping[str, object] | None


_NO_VALUE = (
    "a Flyte asset hands Dagster no value: its outputs stay in Flyte, and are read by those who take it as a parameter"
)

REFUSED: Mapping[str, str] = {
    "check_specs": "the asset's function returns the inputs of a run and cannot report checks; let an output of the run decide, "
    "outputs={'ok': AssetCheckSpec(…)}, or write an @dagster.asset_check of this asset, which reads the run's outputs",
    "io_manager_def": f"{_NO_VALUE}; io_manager_key= may name a FlyteIOManager of yours",
    "dagster_type": _NO_VALUE,
    "output_required": "a run that succeeded always makes the asset, and one that did not fails the step",
    "is_virtual": "a Flyte asset is materialized by a run",
}
"""Argument -> why a Flyte asset cannot have it, and what to do instead."""


_OF_ONE = ("key", "key_prefix", "freshness_policy")


def check_arguments(asset: Mapping[str, Any], where: str, *, several: bool = False) -> None:
    """Refuses what a Flyte asset cannot have.

    Args:
        asset: Arguments meant for `dagster.asset`.
        where: Whose they are, for the message.
        several: Whether one run makes several assets.

    Raises:
        DagsterInvalidDefinitionError: One is refused, or there is no such argument.
    """
    known = AssetArguments.__annotations__
    for name in asset:
        if name in REFUSED:
            raise dg.DagsterInvalidDefinitionError(f"{where}: {name}= cannot be given: {REFUSED[name]}")
        if several and name in _OF_ONE:
            raise dg.DagsterInvalidDefinitionError(
                f"{where}: {name}= is of one asset, and this run makes several; give each an AssetSpec in outputs= or specs="
            )
        if name not in known:
            raise dg.DagsterInvalidDefinitionError(
                f"{where}: unknown argument {name}=; known are those of build_flyte_assets and {', '.join(sorted(known))}"
            )
