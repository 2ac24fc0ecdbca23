"""Nothing is wrong here."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("version_is_a_template", schedule=None):
    FlyteRunOperator(task_id="train", entity="ml.train", version="{{ params.v }}", inputs={"day": "d"})
