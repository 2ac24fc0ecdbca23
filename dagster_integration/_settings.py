"""What an author said about an asset, as arguments for Dagster: for one asset, and for several of one step."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from .io_manager import outputs_key, outputs_manager

__all__ = ["FLYTE_STEP", "for_several", "settings_of", "without_warnings"]

FLYTE_STEP = "flyte/step"
"""Tag of a step that launches Flyte runs and waits for them: `flyte_executor` knows it by that."""
_OF_EACH = ("automation_condition", "code_version", "deps", "io_manager_key", "kinds", "metadata", "owners", "tags")
"""What is said once and holds for each of several assets, unless its own spec says otherwise."""


def settings_of(
    asset: Mapping[str, Any], resource_key: str, resources: Collection[str], description: str
) -> dict[str, Any]:
    """Arguments for `dagster.asset`.

    Args:
        asset: What the author said.
        resource_key: Of the `FlyteResource`.
        resources: Further ones that the author's function takes.
        description: Of the asset.
    """
    settings: dict[str, Any] = {
        **asset,
        "kinds": {"flyte", *(asset.get("kinds") or ())},
        "description": description,
        "op_tags": {**(asset.get("op_tags") or {}), FLYTE_STEP: "true"},
        "required_resource_keys": {resource_key, *resources, *(asset.get("required_resource_keys") or ())},
    }
    if not settings.get("io_manager_key"):
        settings["io_manager_key"] = key = outputs_key(resource_key)
        settings["resource_defs"] = {key: outputs_manager(resource_key), **(settings.get("resource_defs") or {})}
    return settings


def for_several(
    settings: Mapping[str, Any], specs: Sequence[dg.AssetSpec]
) -> tuple[dict[str, Any], list[dg.AssetSpec]]:
    """Arguments for `dagster.multi_asset`, and the specs with what holds for each of them."""
    rest = dict(settings)
    each = {name: rest.pop(name) for name in _OF_EACH if name in rest}
    return rest, [_completed(spec, each) for spec in specs]


def _completed(spec: dg.AssetSpec, each: Mapping[str, Any]) -> dg.AssetSpec:
    given: dict[str, Any] = {
        "metadata": {**(each.get("metadata") or {}), "dagster/io_manager_key": each["io_manager_key"], **spec.metadata},
        "tags": {**(each.get("tags") or {}), **spec.tags},
        "kinds": {*each["kinds"], *spec.kinds},
        "deps": [*(each.get("deps") or ()), *spec.deps],
    }
    for name in ("automation_condition", "code_version", "owners"):
        if each.get(name) and not getattr(spec, name):
            given[name] = each[name]
    news = {name: value for name, value in given.items() if value != getattr(spec, name)}
    return spec.replace_attributes(**given) if news else spec  # of thousands, most are complete already


@contextlib.contextmanager
def without_warnings(asset: Mapping[str, Any], more: Sequence[str] = ()) -> Iterator[None]:
    """Keeps still about what is beta in Dagster 1.13 and nothing that the author asked for."""
    with warnings.catch_warnings():
        for name in (*(() if asset.get("resource_defs") else ("resource_defs",)), *more):
            warnings.filterwarnings("ignore", f"Parameter `{name}`", dg.BetaWarning)
        yield
