"""Nothing is wrong here."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("all_in_one_template", schedule=None):
    FlyteRunOperator(task_id="train", entity="ml.train", inputs="{{ params.inputs | tojson }}")
