"""One thing is wrong here."""

from airflow.sdk import Asset, AssetWatcher, dag

from airflow_provider.triggers.flyte import FlyteRunEventTrigger

trained = Asset(
    "trained", watchers=[AssetWatcher(name="ml", trigger=FlyteRunEventTrigger(entity="ml.train@v9"))]
)  # wrong: has no version 'v9'


@dag(schedule=trained)
def follows():
    """Begins when a run has ended."""


follows()
