"""A person approves in Airflow what a workflow asks for in Flyte, and whatever happens, no run is left behind.

Needs `pip install 'flyte-bridge[airflow]'` and a connection `flyte_default` of type Flyte: see airflow_run_workflow.py.
The workflow waits at a gate: `flytekit.approve(model, "go", timeout=timedelta(days=1))`.
"""

from __future__ import annotations

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteAbortOperator, FlyteRunOperator, FlyteSignalOperator
from airflow_provider.sensors.flyte import FlyteRunSensor

with DAG("flyte_approve", schedule=None) as dag:
    train = FlyteRunOperator(
        task_id="train",
        entity="workflows.train",
        inputs={"day": "2026-11-20", "epochs": 3},
        wait_for_completion=False,  # launched; a gate holds it
    ).as_setup()
    ask = ApprovalOperator(task_id="ask", subject="Publish the model that {{ run_id }} trained?")
    approve = FlyteSignalOperator(task_id="approve", run=train.output["flyte_run"], signal_id="go", value=True)
    done = FlyteRunSensor(task_id="done", run=train.output["flyte_run"], deferrable=True)
    # Aborts the run when nobody approved, or a task failed; a run that has ended stays as it is.
    clean = FlyteAbortOperator(task_id="clean", run=train.output["flyte_run"], missing_ok=True)

    train >> ask >> approve >> done >> clean.as_teardown(setups=train)
