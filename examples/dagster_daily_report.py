"""A Dagster job that Flyte runs: run config from the task's inputs, outputs from what it materialises.

Needs `pip install dagster dagster-webserver`. The Flyte side is `flytekit_connector_tasks.py`, the circle `airflow_circle.py`.
"""

import dagster as dg


class Report(dg.Config):
    """What the Flyte task gives."""

    day: str
    n: int


@dg.op
def report(context: dg.OpExecutionContext, config: Report) -> None:
    metadata = {"rows": config.n * 10, "day": config.day}
    context.log_event(dg.AssetMaterialization("daily_report", metadata=metadata))


@dg.job
def daily_report() -> None:
    report()


defs = dg.Definitions(jobs=[daily_report])
