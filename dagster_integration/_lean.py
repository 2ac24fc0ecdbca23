"""Assets of one step without Dagster's decorator, for components of thousands: the same definition at a third of the cost.

The decorator reads a function's signature to learn of upstream assets, configuration and resources. Here is nothing to learn:
inputs are a mapping, and nothing is upstream. What is said differently is made by the decorator, as ever.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

__all__ = ["lean_assets"]

_IO_MANAGER = "dagster/io_manager_key"
_CALLED = inspect.Signature([
    inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in ("context", "inputs")
])  # fmt: skip
_UNDERSTOOD = frozenset({
    "name", "description", "required_resource_keys", "resource_defs", "retry_policy", "op_tags", "pool", "backfill_policy",
    "partitions_def", "group_name",
})  # fmt: skip


def lean_assets(
    specs: Sequence[dg.AssetSpec],
    compute: Callable[[dg.AssetExecutionContext], Iterator[Any]],
    settings: Mapping[str, Any],
) -> dg.AssetsDefinition | None:
    """What ``multi_asset(specs=specs, can_subset=True, **settings)`` would make of it; None where that has more to do.

    Args:
        specs: Of the assets.
        compute: Makes their results.
        settings: Arguments of `dagster.multi_asset`.
    """
    known = all(name in _UNDERSTOOD for name, value in settings.items() if value)
    if not known or not settings.get("name") or any(spec.deps for spec in specs):
        return None
    partitions, group = settings.get("partitions_def"), settings.get("group_name")
    if any(spec.partitions_def not in (None, partitions) or (group and spec.group_name) for spec in specs):
        return None
    if group or any(spec.partitions_def is None for spec in specs if partitions is not None):
        specs = [
            spec.replace_attributes(
                group_name=spec.group_name or group, partitions_def=spec.partitions_def or partitions
            )
            for spec in specs
        ]
    outs = {
        spec.key.to_python_identifier(): dg.Out(
            dagster_type=dg.Any if spec.metadata.get(_IO_MANAGER) else dg.Nothing,
            is_required=False,
            description=spec.description,
            code_version=spec.code_version,
            metadata=spec.metadata,
            io_manager_key=spec.metadata.get(_IO_MANAGER),
        )
        for spec in specs
    }

    def called(context: dg.AssetExecutionContext, inputs: Mapping[str, Any]) -> Iterator[Any]:  # noqa: ARG001
        return compute(context)

    called.__annotations__.clear()
    called.__signature__ = _CALLED  # type: ignore[attr-defined]  # Dagster asks for it, thousands of times
    step = dg.OpDefinition(
        compute_fn=called,
        name=settings["name"],
        ins={},
        outs=outs,
        description=settings.get("description"),
        required_resource_keys=set(settings.get("required_resource_keys") or ()),
        retry_policy=settings.get("retry_policy"),
        tags=settings.get("op_tags"),
        pool=settings.get("pool"),
    )
    return dg.AssetsDefinition(
        keys_by_input_name={},
        keys_by_output_name=dict(zip(outs, (spec.key for spec in specs), strict=True)),
        node_def=step,
        specs=specs,
        can_subset=True,
        resource_defs=settings.get("resource_defs"),
        backfill_policy=settings.get("backfill_policy"),
    )
