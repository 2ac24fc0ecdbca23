"""The name of the entity is misspelt."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("entity_typo", schedule=None):
    FlyteRunOperator(task_id="train", entity="ml.trian", inputs={"day": "d"})  # wrong: did you mean 'ml.train'
