"""A task that registers what it runs. What that is changes while it is on its way: the file is read anew for every try."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator
from bridge_core import ContainerTask

TAG = Path(os.environ["AIRFLOW_HOME"]) / "tag"

with DAG("registering", schedule=None):
    FlyteRunOperator(
        task_id="run",
        entity="task:tests.registered",
        inputs={"n": "{{ dag_run.conf['n'] }}"},
        register=ContainerTask(
            name="tests.registered",
            image="busybox:1.36",
            command=("/bin/sh", "-c", "echo {{.inputs.n}} > /var/outputs/n"),
            inputs={"n": int},
            outputs={"n": int},
            env={"TAG": TAG.read_text() if TAG.exists() else "none"},
        ),
        deferrable=False,
        retries=2,
        retry_delay=timedelta(seconds=1),
    )
