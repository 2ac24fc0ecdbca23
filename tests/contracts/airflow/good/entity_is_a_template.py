"""Nothing is wrong here."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("entity_is_a_template", schedule=None):
    FlyteRunOperator(task_id="train", entity="{{ params.what }}", inputs={"zz": 1})
