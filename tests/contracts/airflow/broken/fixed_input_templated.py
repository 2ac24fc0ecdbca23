"""The launch plan fixes this input, and its value is a template."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("fixed_input_templated", schedule=None):
    FlyteRunOperator(
        task_id="train", entity="ml.report", inputs={"day": "d", "kind": "{{ ds }}"}
    )  # wrong: input 'kind' is fixed by the launch plan
