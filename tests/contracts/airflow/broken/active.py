"""No version of it is active."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("active", schedule=None):
    FlyteRunOperator(task_id="train", entity="ml.report@active", inputs={"day": "d"})  # wrong: has no active version
