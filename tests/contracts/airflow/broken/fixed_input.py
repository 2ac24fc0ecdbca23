"""The launch plan fixes this input."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("fixed_input", schedule=None):
    FlyteRunOperator(task_id="train", entity="ml.report", inputs={"day": "d", "kind": "pdf"})  # wrong: kind
