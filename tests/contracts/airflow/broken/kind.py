"""A launch plan is called a task."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("kind", schedule=None):
    FlyteRunOperator(task_id="train", entity="task:ml.train", inputs={"day": "d"})  # wrong: there is no task 'ml.train'
