"""Run by test_airflow_limits.py where Airflow may be imported: Airflow's own ``execution_timeout`` around the operator.

Reads one JSON object a line, ``{"n": 1, "publish": 0}``, and answers with what became of the try. ``publish`` is how long Airflow
takes to store an XCom, ``age`` how long ago the DAG run began.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

from airflow.providers.common.compat.sdk import AirflowTaskTimeout

try:
    from airflow.sdk.execution_time.timeout import timeout
except ImportError:  # Airflow 2
    from airflow.utils.timeout import timeout

from airflow_provider.operators.flyte import FlyteRunOperator

LIMIT = 1.5


def context_of(task_id, publish=0, try_number=1, age=60):
    ti = SimpleNamespace(
        dag_id="d",
        run_id="r",
        task_id=task_id,
        map_index=-1,
        max_tries=0,
        try_number=try_number,
        start_date=datetime.now(UTC),
        xcom_push=lambda **_: time.sleep(publish),
    )
    began = datetime.now(UTC) - timedelta(seconds=age)
    return {"ti": ti, "dag_run": SimpleNamespace(start_date=began, clear_number=0)}


def import_and_connect():
    """A launch of what there is not, so that on a busy machine no limit passes before Flyte is asked for the first time."""
    try:
        FlyteRunOperator(task_id="nothing", entity="tests.nothing").execute(context_of("nothing"))
    except Exception as error:
        if "tests.nothing" not in str(error):
            raise


def one_try(n, publish, try_number=1, age=60):
    file = Path(f"input-{n}")
    file.write_text(f"number {n}")
    operator = FlyteRunOperator(
        task_id=f"t{n}",
        entity="tests.filed",
        inputs={"n": n, "f": str(file)},
        execution_timeout=timedelta(seconds=LIMIT),
    )
    context = context_of(f"t{n}", publish, try_number, age)
    try:  # as airflow.sdk.execution_time.task_runner does it
        with timeout(LIMIT):
            return operator.execute(context)
    except AirflowTaskTimeout:
        operator.on_kill()
        return "timed out"


import_and_connect()
print(json.dumps({"outcome": "ready"}), flush=True)
for line in sys.stdin:
    print(json.dumps({"outcome": one_try(**json.loads(line))}), flush=True)
