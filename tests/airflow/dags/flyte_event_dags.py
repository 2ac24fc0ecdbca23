"""A DAG that runs whenever a run of ``tests.watched`` ended well."""

from __future__ import annotations

from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_provider.triggers.flyte import FlyteRunEventTrigger

trigger = FlyteRunEventTrigger(entity="tests.watched", poll_interval=1)
watched = Asset("watched", watchers=[AssetWatcher(name="ended", trigger=trigger)])

with DAG("on_event", schedule=[watched]):

    @task(task_id="run")
    def names(triggering_asset_events=None):
        """What this DAG run was told."""
        return [event.extra["payload"]["run"]["name"] for event in triggering_asset_events[watched]]

    names()
