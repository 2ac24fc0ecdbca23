"""A DAG without Flyte."""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

with DAG("no_flyte", schedule=None):
    EmptyOperator(task_id="nothing")
