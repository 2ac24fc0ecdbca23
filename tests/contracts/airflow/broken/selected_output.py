"""An output that is selected is not there."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("selected_output", schedule=None):
    FlyteRunOperator(
        task_id="train", entity="ml.train", inputs={"day": "d"}, outputs=["modle"]
    )  # wrong: has no output 'modle'
