"""One thing is wrong here."""

from airflow.sdk import Asset, AssetWatcher, dag

from airflow_provider.triggers.flyte import FlyteRunEventTrigger

trained = Asset(
    "trained", watchers=[AssetWatcher(name="ml", trigger=FlyteRunEventTrigger(entity="job:ml.train"))]
)  # wrong: unknown kind 'job'


@dag(schedule=trained)
def follows():
    """Begins when a run has ended."""


follows()
