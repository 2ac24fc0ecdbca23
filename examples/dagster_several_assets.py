"""One Flyte run, several Dagster assets: an asset and a check for its outputs, and a value downstream.

Needs `pip install 'flyte-bridge[dagster]' dagster-webserver`, and a Flyte as in dagster_run_workflow.py.

    dagster dev -f examples/dagster_several_assets.py
"""

import dagster as dg

from dagster_integration import FlyteResource, build_flyte_assets

# The workflow returns a day and a number of epochs. Choosing one of the two assets runs it whole and reports that one.
trained = build_flyte_assets(
    "workflows.train",
    name="train_model",
    inputs={"day": "2026-11-20", "epochs": 3},
    outputs={
        "day": "model",
        "epochs": dg.AssetSpec("epochs_done", owners=["team:ml"]),
    },
    group_name="ml",
    retry_policy=dg.RetryPolicy(max_retries=2),
)


@dg.asset
def report(context: dg.AssetExecutionContext, model: str, epochs_done: int) -> dg.MaterializeResult:
    """Takes what the run gave; nothing was stored anywhere but in Flyte."""
    return dg.MaterializeResult(metadata={"summary": f"trained for {model} in {epochs_done} epochs"})


defs = dg.Definitions(
    assets=[trained, report],
    resources={"flyte": FlyteResource(project="flytesnacks", domain="development")},
)
