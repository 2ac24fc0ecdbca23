"""A model for each region, a step for each model, and one process that waits for all of their Flyte runs.

Needs `pip install 'flyte-bridge[dagster]' dagster-webserver`, and a Flyte as in dagster_run_workflow.py.

    dagster dev -f examples/dagster_executor.py
"""

import dagster as dg

from bridge_core import RunOutputs
from dagster_integration import FlyteResource, build_flyte_assets, flyte_executor

REGIONS = ("eu", "us", "apac")

models = [
    build_flyte_assets(
        "workflows.train",
        name=f"model_{region}",
        inputs={"day": f"2026-11-20 {region}", "epochs": 3},
        retry_policy=dg.RetryPolicy(max_retries=2),  # of this step alone
    )
    for region in REGIONS
]


@dg.asset
def best(model_eu: RunOutputs, model_us: RunOutputs, model_apac: RunOutputs) -> str:
    """A step that is none of Flyte's has a process of its own."""
    return max(model_eu["day"], model_us["day"], model_apac["day"])


defs = dg.Definitions(
    assets=[*models, best],
    jobs=[dg.define_asset_job("models", executor_def=flyte_executor.configured({"max_processes": 1}))],
    resources={"flyte": FlyteResource(project="flytesnacks", domain="development")},
)
