"""DAGs for the running Airflow: one task each, held in Flyte until the test says so. ``n`` names the run's input."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, Asset

from airflow_provider.operators.flyte import FlyteRunOperator

INPUTS = {"n": "{{ dag_run.conf['n'] | int }}", "at": "at {{ macros.datetime.now() }}"}
EDITED = Path(os.environ["AIRFLOW_HOME"]) / "edited"
RETRY = {"retries": 1, "retry_delay": timedelta(seconds=1)}


def held(dag_id, **options):
    """A DAG with one task that waits for ``tests.held``; its input ``at`` differs on every try, as templates do."""
    with DAG(dag_id, schedule=None, render_template_as_native_obj=True):
        FlyteRunOperator(**{"task_id": "run", "entity": "tests.held", "inputs": INPUTS, **RETRY, **options})


held("deferred", deferrable=True, sync_grace=0)
held("grace", deferrable=True, sync_grace=90)
held("waiting", deferrable=False)
held("limited", deferrable=True, sync_grace=0, timeout=6, retries=0)
held("limited_by_airflow", deferrable=True, sync_grace=0, execution_timeout=timedelta(seconds=6), retries=0)
# Somebody edits the file while a task is on its way.
held("edited", deferrable=True, sync_grace=90, retries=2 if EDITED.exists() else 3)

# The same, scheduled: a backfill gives its DAG runs the same ids again.
with DAG(
    "daily", schedule="@daily", start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False, is_paused_upon_creation=True
):
    FlyteRunOperator(task_id="run", entity="tests.quick", inputs={"n": "{{ var.value.daily_n }}", "at": "{{ ds }}"})

# Paused, so that nothing but a test moves its tasks; held by rows that `defer` would have written.
with DAG("many", schedule=None, is_paused_upon_creation=True):
    FlyteRunOperator.partial(task_id="run", entity="tests.held", deferrable=True).expand(
        inputs=[{"n": 1, "at": "here"}, {"n": 2, "at": "here"}]
    )

# See test_airflow_scale.py.
with DAG("scale", schedule=None, is_paused_upon_creation=True):
    FlyteRunOperator.partial(task_id="run", entity="tests.held", deferrable=True).expand(
        inputs=[{"n": n, "at": "here"} for n in range(int(os.environ.get("FLYTE_BRIDGE_TEST_MANY", "1")))]
    )

with DAG("twin", schedule=None):
    FlyteRunOperator(task_id="run", entity="tests.quick", inputs={"n": "{{ dag_run.conf['n'] }}", "at": "here"})

held("pooled", deferrable=False, pool="narrow", retries=3)
held("moving", deferrable=True, sync_grace=0, flyte_conn_id="moving")
held("moving_waits", deferrable=False, flyte_conn_id="moving")
held("left_alone", deferrable=True, sync_grace=0, cancel_on_kill=False, retries=0)
for mode in ("relaunch", "recover", "fresh"):
    held(f"retry_{mode}", deferrable=True, sync_grace=0, retry_mode=mode)
held("telling", deferrable=False, progress_interval=1, retries=0)
held("telling_deferred", deferrable=True, sync_grace=0, progress_interval=1, retries=0)
held("broken", entity="task:tests.broken", inputs={}, deferrable=False, retries=0)
held("broken_deferred", entity="task:tests.broken", inputs={}, deferrable=True, sync_grace=0, retries=0)

with DAG("short", schedule=None):
    FlyteRunOperator.partial(task_id="run", entity="tests.quick", deferrable=True, sync_grace=0).expand(
        inputs=[{"n": n, "at": "short"} for n in range(60)]
    )
held("slow", entity="task:tests.slow", inputs={}, deferrable=False, progress_interval=1, retries=0)
with DAG("slow_deferred", schedule=None):
    FlyteRunOperator.partial(
        task_id="run", entity="task:tests.slow", deferrable=True, sync_grace=0, progress_interval=1
    ).expand(inputs=[{}, {}])

# Run by `dags test` only: see test_airflow_dags_test.py.
with DAG("by_hand", schedule=None, is_paused_upon_creation=True):
    given = {"n": "{{ dag_run.conf['n'] | int }}", "at": "{{ dag_run.conf['at'] }}"}
    FlyteRunOperator(task_id="run", entity="tests.held", inputs=given, deferrable=True, sync_grace=0)

# What an outlet's event says: see test_airflow_retry.py.
for name, options in {
    "outlet": {"deferrable": False},
    "outlet_deferred": {"deferrable": True, "sync_grace": 0},
}.items():
    held(name, outlets=[Asset(name)], **options)

# Through a connection full of secrets: see test_airflow_secrets.py.
held("canary_waits", flyte_conn_id="canary", deferrable=False, retries=0)
held("canary_defers", flyte_conn_id="canary", deferrable=True, sync_grace=0, retries=0)
held("canary_fails", flyte_conn_id="canary", entity="tests.nowhere", retries=0)
held("final", deferrable=True, sync_grace=0, user_errors="fail")
