"""As in a pod of its own: each process that runs this file begins with an empty home and an empty temporary directory."""

from __future__ import annotations

import os
import tempfile
from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

for name in ("HOME", "TMPDIR"):
    os.environ[name] = tempfile.mkdtemp(dir=os.environ["AIRFLOW_HOME"])
tempfile.tempdir = None

with DAG("pod", schedule=None):
    FlyteRunOperator(
        task_id="run",
        entity="tests.held",
        inputs={"n": "{{ dag_run.conf['n'] }}", "at": "here"},
        deferrable=False,
        retries=1,
        retry_delay=timedelta(seconds=1),
    )
