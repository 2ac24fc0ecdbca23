"""Nothing of that name is registered."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("entity_gone", schedule=None):
    FlyteRunOperator(task_id="train", entity="pkg.nosuch")  # wrong: there is no launch plan 'pkg.nosuch'
