"""Operators on Flyte 2: in the worker, deferred, of a task by its name alone."""

from __future__ import annotations

import os

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

TASK = os.environ["FLYTE2_TASK"]

with DAG("flyte2", schedule=None):
    worker = FlyteRunOperator(
        task_id="worker", entity=f"task:{TASK}", inputs={"n": 1, "word": "{{ run_id }}"}, deferrable=False,
        options={"labels": {"dag_run": "{{ run_id }}"}, "custom_context": {"dag": "{{ dag.dag_id }}"}},
    )  # fmt: skip
    deferred = FlyteRunOperator(
        task_id="deferred", entity=TASK, inputs={"n": worker.output["rows"], "word": "b"}, deferrable=True
    )
    begun = FlyteRunOperator(
        task_id="begun", entity=f"task:{TASK}", inputs={"n": 3, "word": "c"}, wait_for_completion=False
    )
    bad = FlyteRunOperator(task_id="bad", entity=f"task:bad.{TASK}", inputs={"n": 1}, deferrable=False)
    worker >> deferred >> begun
