"""Nothing is wrong here."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("workflow", schedule=None):
    FlyteRunOperator(task_id="train", entity="workflow:ml.train", inputs={"day": "d"})
