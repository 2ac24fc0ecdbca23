"""All inputs are left out."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("no_inputs", schedule=None):
    FlyteRunOperator(task_id="train", entity="ml.train")  # wrong: day
