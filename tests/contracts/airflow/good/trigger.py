"""Nothing is wrong here."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteDeployTriggerOperator, FlyteRegisterOperator

with DAG("trigger", schedule=None):
    register = FlyteRegisterOperator(task_id="register", source="flows/")
    nightly = {"name": "n", "entity": "ml.train", "cron": "@daily", "inputs": {"day": "{{ ds }}"}}
    FlyteDeployTriggerOperator(task_id="nightly", trigger=nightly)
    FlyteDeployTriggerOperator(task_id="new", trigger=nightly, version=register.output["version"])
    FlyteDeployTriggerOperator(task_id="other", trigger={**nightly, "entity": "{{ params.entity }}"})
