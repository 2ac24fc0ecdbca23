"""A backfill of many days as one Flyte run, or as one run for each day: what is declared decides.

Needs `pip install 'flyte-bridge[dagster]' dagster-webserver`, and a Flyte as in dagster_run_workflow.py.

    dagster dev -f examples/dagster_partitions.py
"""

import dagster as dg

from dagster_integration import FlyteResource, build_flyte_assets

days = dg.DailyPartitionsDefinition(start_date="2026-01-01")

# One day per run: a retry of a day that failed recovers its run, and what had succeeded is not done again.
daily = build_flyte_assets(
    "workflows.extract",
    name="daily",
    partitions_def=days,
    inputs={"limit": 100},
    partition_inputs={"day": "{key}"},
    on_reexecute="recover",
)

# All days of a backfill in one run.
ranged = build_flyte_assets(
    "workflows.extract",
    name="ranged",
    partitions_def=days,
    inputs={"limit": 100},
    partition_inputs={"day": "{start} to {end}"},
)

defs = dg.Definitions(
    assets=[daily, ranged],
    resources={"flyte": FlyteResource(project="flytesnacks", domain="development")},
)
