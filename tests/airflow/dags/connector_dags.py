"""DAGs that Flyte runs through the connector: they give their conf back, wait for a file, or fail."""

from __future__ import annotations

import os
import time
from pathlib import Path

from airflow.sdk import dag, get_current_context, task


@dag(schedule=None, catchup=False)
def connected():
    @task
    def count() -> int:
        context = get_current_context()
        conf = context["dag_run"].conf
        context["ti"].xcom_push(key="day", value=conf.get("day"))
        n = int(conf.get("n", 1))
        if n == 0:
            hold = Path(os.environ["AIRFLOW_HOME"]) / f"{context['dag_run'].run_id}.go"
            while not hold.exists():
                time.sleep(0.1)
        if n < 0:
            raise ValueError("n is negative")
        return n * 10 + int(conf.get("extra", 0))

    count()


connected()
