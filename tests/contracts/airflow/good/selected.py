"""Nothing is wrong here."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("selected", schedule=None):
    FlyteRunOperator(task_id="train", entity="ml.train", inputs={"day": "d"}, outputs=["epochs"])
