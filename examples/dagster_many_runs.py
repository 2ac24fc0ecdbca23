"""A model for each region: three Flyte runs, one Dagster step, one process that waits for all of them.

Needs `pip install 'flyte-bridge[dagster]' dagster-webserver`, and a Flyte as in dagster_run_workflow.py.

    dagster dev -f examples/dagster_many_runs.py
"""

import dagster as dg

from dagster_integration import FlyteResource, FlyteRun, build_flyte_multi_asset

REGIONS = ("eu", "us", "apac")

models = build_flyte_multi_asset(
    {
        f"model_{region}": FlyteRun("workflows.train", inputs={"day": f"2026-11-20 {region}", "epochs": 3})
        for region in REGIONS
    },
    name="models",
    group_name="ml",
    retry_policy=dg.RetryPolicy(max_retries=2),  # attaches to those that succeeded, launches those that failed
)

defs = dg.Definitions(
    assets=[models],
    resources={"flyte": FlyteResource(project="flytesnacks", domain="development")},
)
