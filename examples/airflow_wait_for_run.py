"""Wait for a run that somebody else launched, Flyte's own schedule for instance; then go on with what it gave out.

Needs `pip install 'flyte-bridge[airflow]'` and a connection `flyte_default` of type Flyte: see airflow_run_workflow.py.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, task

from airflow_provider.hooks.flyte import FlyteHook
from airflow_provider.sensors.flyte import FlyteRunSensor

with DAG("flyte_wait_for_run", schedule="@daily", start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False) as dag:
    # The newest run of this launch plan that was launched since the day began. It begins in the triggerer and takes no worker.
    nightly = FlyteRunSensor(
        task_id="nightly",
        entity="workflows.extract",
        query={"created_after": "{{ data_interval_start }}"},
        if_failed="wait",  # somebody will launch it again
        deferrable=True,
        start_from_trigger=True,
        timeout=timedelta(hours=6),
        poke_interval=30,
    )

    @task
    def outputs(run: dict) -> dict:
        """A sensor downloads nothing: what is wanted is asked for."""
        with FlyteHook().get_client() as flyte:
            return dict(flyte.outputs("{project}/{domain}/{name}".format(**run)))

    outputs(nightly.output)
