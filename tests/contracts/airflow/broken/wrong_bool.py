"""A text where a truth value is wanted."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("wrong_bool", schedule=None):
    FlyteRunOperator(task_id="train", entity="ml.switch", inputs={"on": "perhaps", "names": []})  # wrong: on
