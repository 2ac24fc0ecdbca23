"""A misspelt input whose value is a template."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("input_typo_templated", schedule=None):
    FlyteRunOperator(
        task_id="train", entity="ml.train", inputs={"day": "{{ ds }}", "epoch": "{{ params.n }}"}
    )  # wrong: has no input 'epoch'; did you mean 'epochs'
