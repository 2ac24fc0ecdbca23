"""Nothing is wrong here."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("latest", schedule=None):
    FlyteRunOperator(task_id="train", entity="ml.report@latest", inputs={"day": "d", "top": 5})
