"""Flyte workflows as Dagster assets: one per day, launched once whatever dies, outputs and console link as metadata.

Needs `pip install 'flyte-bridge[dagster]' dagster-webserver`. To try it on one machine:

    python -m bridge_core.sandbox &          # prints a line: export FLYTECTL_CONFIG=…
    pyflyte register -p flytesnacks -d development examples/workflows.py
    dagster dev -f examples/dagster_run_workflow.py
"""

import dagster as dg

from dagster_integration import FlyteResource, build_flyte_assets, flyte_assets

days = dg.DailyPartitionsDefinition(start_date="2026-01-01")

# Inputs from the partition. If Dagster's step process dies, the retry finds the same Flyte run again.
extract = build_flyte_assets(
    "workflows.extract",
    name="extract",
    partitions_def=days,
    inputs=lambda context: {"day": context.partition_key, "limit": 100},
    retry_policy=dg.RetryPolicy(max_retries=2, delay=30),
)


class TrainConfig(dg.Config):
    """What people may change in the launchpad."""

    epochs: int = 3


# The function returns the inputs of the run; its parameters are those of any asset.
@flyte_assets("workflows.train", partitions_def=days, deps=[extract], options={"labels": {"team": "forecasting"}})
def train(context: dg.AssetExecutionContext, config: TrainConfig) -> dict[str, object]:
    """The model of the day."""
    return {"day": context.partition_key, "epochs": config.epochs}


defs = dg.Definitions(
    assets=[extract, train],
    # Whatever is left out comes from FLYTE_* variables or ~/.flyte/config.yaml.
    resources={"flyte": FlyteResource(project="flytesnacks", domain="development")},
)
