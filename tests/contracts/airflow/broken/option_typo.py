"""An option is misspelt."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("option_typo", schedule=None):
    FlyteRunOperator(
        task_id="train", entity="ml.train", inputs={"day": "d"}, options={"lables": {}}
    )  # wrong: unknown run option 'lables'
