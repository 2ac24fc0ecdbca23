"""Nothing is wrong here."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("register", schedule=None):
    FlyteRunOperator(task_id="train", entity="ml.new", inputs={"zz": 1}, register="flows/")
