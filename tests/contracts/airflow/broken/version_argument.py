"""The same in an argument of its own."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("version_argument", schedule=None):
    FlyteRunOperator(
        task_id="train", entity="ml.train", version="v9", inputs={"day": "d"}
    )  # wrong: has no version 'v9'
