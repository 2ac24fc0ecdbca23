"""The version of the operator counts."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteDeployTriggerOperator

with DAG("trigger_version", schedule=None):
    FlyteDeployTriggerOperator(
        task_id="nightly",
        trigger={"name": "n", "entity": "ml.train", "cron": "@daily", "inputs": {"day": "d"}},
        version="v9",
    )  # wrong: has no version 'v9'
