"""A flytekit workflow whose task tells Dagster what it made. The other half: dagster_reporting_tasks.py.

The image needs `dagster-pipes`, `fsspec` and `flyte-bridge`, and no Dagster. Run without Dagster, the task just runs.
"""

from flytekit import task, workflow

from dagster_integration.in_task import flyte_pipes


@task(retries=2)
def count(day: str) -> int:
    with flyte_pipes() as pipes:
        pipes.log.info("counting the orders of %s", day)
        rows = 1000 + int(day[-2:])
        pipes.report_asset_materialization(metadata={"rows": rows}, data_version=f"{day}/{rows}")
        pipes.report_asset_check("not_empty", passed=rows > 0, metadata={"rows": rows})
    return rows


@workflow
def orders(day: str = "2026-11-20") -> int:
    return count(day=day)
