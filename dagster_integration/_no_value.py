"""What a downstream asset is told that takes a Flyte asset as a parameter: where the outputs are."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg

__all__ = ["asset_without_value"]


def asset_without_value(
    compute: Callable[..., dg.MaterializeResult[Any]], settings: Mapping[str, Any]
) -> dg.AssetsDefinition:
    """The asset, with an answer for whoever wants to load its value."""
    with warnings.catch_warnings():
        # Beta in 1.13. Users did not ask for it, so they are not warned; other warnings are theirs.
        warnings.filterwarnings("ignore", "Parameter `io_manager_def`", dg.BetaWarning)
        decorate = dg.asset(**settings, io_manager_def=_NoValue())
    made: dg.AssetsDefinition = decorate(compute)
    return made


class _NoValue(dg.IOManager):
    """Stands where Dagster would look for a stored value, and found none: a file that was never written."""

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Never called: a Flyte asset returns no value."""

    def load_input(self, context: dg.InputContext) -> Any:
        """Says how to get the outputs.

        Raises:
            Failure: Always.
        """
        asset, key = context.asset_key.to_user_string(), f"AssetKey({list(context.asset_key.path)!r})"
        raise dg.Failure(
            f"{context.op_def.name} takes asset {asset!r} as a parameter, and a Flyte asset hands Dagster no value: its outputs "
            f"stay in Flyte. Declare it with deps=[{key}] instead, and read them in the function: event = "
            f"context.instance.get_latest_materialization_event({key}), then "
            "flyte.get_client().outputs(RunRef.parse(event.asset_materialization.metadata['flyte/execution'].value))",
            allow_retries=False,
        )
