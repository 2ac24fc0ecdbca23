"""Run a Flyte workflow from Airflow, and hand what it returns to the next one.

Needs `pip install 'flyte-bridge[airflow]'` and a connection `flyte_default` of type Flyte. To try it on one machine:

    python -m bridge_core.sandbox &          # prints a line: export FLYTECTL_CONFIG=…
    pyflyte register -p flytesnacks -d development examples/workflows.py
    export AIRFLOW_CONN_FLYTE_DEFAULT='{"conn_type": "flyte", "host": "localhost:30080",
      "extra": {"insecure": true, "project": "flytesnacks", "domain": "development"}}'
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, task

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG(
    "flyte_run_workflow",
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
) as dag:
    # Waits on a worker. A retry after a crash of that worker finds the same Flyte run again.
    extract = FlyteRunOperator(
        task_id="extract",
        entity="workflows.extract",
        inputs={"day": "{{ ds }}", "limit": 100},
    )

    # Waits in the triggerer and occupies no worker meanwhile. Aborts the run after two hours.
    train = FlyteRunOperator(
        task_id="train",
        entity="workflows.train",
        inputs={"day": extract.output["day"], "epochs": 3},
        options={"labels": {"team": "forecasting"}},
        deferrable=True,
        timeout=timedelta(hours=2),
    )

    @task
    def report(outputs: dict, url: str) -> str:
        """Outputs are plain values by now."""
        return f"trained on {outputs['day']} for {outputs['epochs']} epochs: {url}"

    report(train.output, "{{ ti.xcom_pull('train', key='flyte_console_url') }}")
