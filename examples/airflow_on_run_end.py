"""Start a DAG whenever a run of a Flyte workflow ended well, whoever launched it: no schedule, no sensor.

Needs `pip install 'flyte-bridge[airflow]'` and a connection `flyte_default` of type Flyte: see airflow_run_workflow.py.
"""

from __future__ import annotations

from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_provider.triggers.flyte import FlyteRunEventTrigger

trained = Asset(
    "model",
    watchers=[AssetWatcher(name="trained", trigger=FlyteRunEventTrigger(entity="workflows.extract", poll_interval=5))],
)

with DAG("flyte_on_run_end", schedule=[trained]) as dag:

    @task
    def publish(triggering_asset_events=None) -> list[str]:
        """Airflow may start one DAG run for several events."""
        payloads = [event.extra["payload"] for event in triggering_asset_events[trained]]
        return [f"{run['phase']} {run['run']['name']}: {run['console_url']}" for run in payloads]

    publish()
