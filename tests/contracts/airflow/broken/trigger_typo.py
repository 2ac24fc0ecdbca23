"""An input of a schedule that is handed to Flyte is misspelt."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteDeployTriggerOperator
from bridge_core import Trigger

with DAG("trigger_typo", schedule=None):
    FlyteDeployTriggerOperator(
        task_id="nightly", trigger=Trigger.daily("dya", entity="ml.train", name="nightly")
    )  # wrong: dya
