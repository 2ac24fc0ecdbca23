"""Every other verb of the provider on Flyte 2: register, launch that, answer, look for it, abort, schedules, the decorator."""

from __future__ import annotations

import os
import sys

from airflow.sdk import DAG, task

from airflow_provider.operators.abort import FlyteAbortOperator
from airflow_provider.operators.deploy_trigger import FlyteDeployTriggerOperator
from airflow_provider.operators.flyte import FlyteRunOperator
from airflow_provider.operators.register import FlyteRegisterOperator
from airflow_provider.operators.signal import FlyteSignalOperator
from airflow_provider.sensors.flyte import FlyteRunSensor

TASK = os.environ["FLYTE2_TASK"]
PROJECT = os.environ["FLYTE2_PROJECT"]

with DAG("flyte2_verbs", schedule=None):
    register = FlyteRegisterOperator(
        task_id="register", source=f"{PROJECT}/gated2", options={"python": sys.executable, "source_root": PROJECT}
    )
    gated = FlyteRunOperator(
        task_id="gated", entity="task:gated2.approved", version="{{ ti.xcom_pull('register', key='version') }}",
        inputs={"x": 4}, wait_for_completion=False,
    )  # fmt: skip
    answer = FlyteSignalOperator(task_id="answer", run=gated.output["flyte_run"], signal_id="approve", value=True)
    answered = FlyteRunSensor(task_id="answered", run=gated.output["flyte_run"], poke_interval=1, timeout=120)
    slow = FlyteRunOperator(
        task_id="slow", entity=f"task:slow.{TASK}", inputs={"n": 1, "word": "s"}, wait_for_completion=False
    )
    abort = FlyteAbortOperator(task_id="abort", run=slow.output["flyte_run"], reason="no longer wanted")

    @task.flyte(entity=f"task:{TASK}", deferrable=False)
    def decorated(n: int) -> dict:
        return {"n": n, "word": "d"}

    newest = FlyteRunSensor(task_id="newest", entity=f"task:{TASK}", poke_interval=1, timeout=60)
    yearly = {
        "name": "verbs-{{ ds_nodash }}",
        "entity": f"task:{TASK}",
        "cron": "0 3 1 1 *",
        "inputs": {"n": 2, "word": "t"},
    }
    fires = FlyteDeployTriggerOperator(task_id="fires", trigger=yearly)
    fires >> FlyteDeployTriggerOperator(task_id="fires_no_more", trigger=yearly, active=False)
    gated.set_upstream(register)
    answer >> answered
    decorated(5) >> newest
    slow >> abort
