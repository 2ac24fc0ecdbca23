"""A text where a number is wanted."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("wrong_type", schedule=None):
    FlyteRunOperator(task_id="train", entity="ml.train", inputs={"day": "d", "epochs": "many"})  # wrong: epochs
