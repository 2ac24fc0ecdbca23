"""Nothing is wrong here."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("active", schedule=None):
    FlyteRunOperator(task_id="train", entity="ml.train@active", inputs={"day": "d", "epochs": 1, "rate": 1})
