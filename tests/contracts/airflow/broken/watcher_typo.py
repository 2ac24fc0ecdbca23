"""One thing is wrong here."""

from airflow.sdk import Asset, AssetWatcher, dag

from airflow_provider.triggers.flyte import FlyteRunEventTrigger

trained = Asset(
    "trained", watchers=[AssetWatcher(name="ml", trigger=FlyteRunEventTrigger(entity="ml.trian"))]
)  # wrong: did you mean 'ml.train'?


@dag(schedule=trained)
def follows():
    """Begins when a run has ended."""


follows()
