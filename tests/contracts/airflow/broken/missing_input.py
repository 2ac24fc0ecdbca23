"""A required input is left out."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("missing_input", schedule=None):
    FlyteRunOperator(task_id="train", entity="ml.train", inputs={"epochs": 3})  # wrong: day
