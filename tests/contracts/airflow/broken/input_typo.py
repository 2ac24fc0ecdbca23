"""An input is misspelt."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("input_typo", schedule=None):
    FlyteRunOperator(task_id="train", entity="ml.train", inputs={"day": "d", "epoch": 3})  # wrong: epoch
