"""Nothing is wrong here."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("bool", schedule=None):
    FlyteRunOperator(task_id="train", entity="ml.switch", inputs={"on": False, "names": ["a"]})
