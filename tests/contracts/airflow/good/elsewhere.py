"""Nothing is wrong here."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("elsewhere", schedule=None):
    FlyteRunOperator(task_id="train", entity="other/production/ml.unknown", inputs={"zz": 1})
