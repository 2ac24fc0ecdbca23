"""Nothing is wrong here."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("template", schedule=None):
    FlyteRunOperator(task_id="train", entity="ml.train", inputs={"day": "{{ ds }}", "epochs": "{{ params.n }}"})
