"""Nothing is wrong here."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("constant", schedule=None):
    FlyteRunOperator(task_id="train", entity="ml.train", inputs={"day": "2026-11-20"})
