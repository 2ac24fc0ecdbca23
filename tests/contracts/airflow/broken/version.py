"""A version that was never registered."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("version", schedule=None):
    FlyteRunOperator(task_id="train", entity="ml.train@v9", inputs={"day": "d"})  # wrong: has no version 'v9'
