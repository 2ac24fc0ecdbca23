"""A number where a list is wanted."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("wrong_list", schedule=None):
    FlyteRunOperator(task_id="train", entity="ml.switch", inputs={"on": True, "names": 3})  # wrong: names
