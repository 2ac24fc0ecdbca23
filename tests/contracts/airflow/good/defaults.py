"""Nothing is wrong here."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("defaults", schedule=None):
    FlyteRunOperator(task_id="train", entity="ml.train@v1", inputs={"day": "d"})
