"""Nothing is wrong here."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("number_as_text", schedule=None):
    FlyteRunOperator(task_id="train", entity="ml.train", inputs={"day": "d", "epochs": "3", "rate": "0.1"})
