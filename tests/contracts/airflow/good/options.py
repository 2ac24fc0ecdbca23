"""Nothing is wrong here."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("options", schedule=None):
    FlyteRunOperator(
        task_id="train", entity="ml.train", inputs={"day": "d"}, options={"labels": {"team": "a"}, "max_parallelism": 3}
    )
