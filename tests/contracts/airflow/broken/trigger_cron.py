"""Its schedule cannot be read."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteDeployTriggerOperator

with DAG("trigger_cron", schedule=None):
    FlyteDeployTriggerOperator(
        task_id="nightly", trigger={"name": "n", "entity": "ml.train", "cron": "61 * * * *"}
    )  # wrong: 61
