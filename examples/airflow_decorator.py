"""Compute the inputs of a Flyte workflow in Python: the function gives the inputs, its result are the run's outputs.

Needs `pip install 'flyte-bridge[airflow]'` and a connection `flyte_default` of type Flyte: see airflow_run_workflow.py.
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import DAG, task

with DAG("flyte_decorator", schedule="@daily", start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False) as dag:

    @task
    def limits() -> list[int]:
        """Known only when the DAG runs."""
        return [10, 20]

    @task.flyte(entity="workflows.extract", deferrable=True, retries=2)
    def extract(limit: int, dag_run=None) -> dict:
        """Called on a worker, before the launch. A retry after a crash finds the same run again."""
        return {"day": f"{dag_run.run_after:%Y-%m-%d}", "limit": limit}

    @task
    def total(outputs: list[dict]) -> int:
        """One run per limit, each with typed outputs."""
        return sum(run["limit"] for run in outputs)

    total(extract.expand(limit=limits()))
