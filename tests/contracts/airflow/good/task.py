"""Nothing is wrong here."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("task", schedule=None):
    FlyteRunOperator(task_id="train", entity="task:ml.clean", inputs={"n": 3})
