"""Writes into Airflow's database what so many tasks leave there that launched a run and deferred: first legs alone take minutes.

Run by AirflowHome.script, twice: ``deferred_rows.py DAG RUN_ID,… COUNT`` before the runs are launched, and without a count
afterwards, with the runs' names on standard input, one a line. In between, the tasks are running. ``FLYTE_BRIDGE_TEST_IDLE`` is
the file of an `IdleTrigger`, for triggers that wait for nothing.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

from airflow.models.dag_version import DagVersion
from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
from airflow.models.trigger import Trigger
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from idle_trigger import IdleTrigger
from sqlalchemy import select

from airflow_provider.triggers.flyte import FlyteRunTrigger


def running(dag_id: str, run_id: str, count: int) -> None:
    now = datetime.now(UTC)
    with create_session() as session:
        task = SerializedDagModel.get_dag(dag_id, session=session).get_task("run")
        version = DagVersion.get_latest_version(dag_id, session=session)
        session.add(
            DagRun(
                dag_id=dag_id,
                run_id=run_id,
                run_type=DagRunType.MANUAL,
                state=DagRunState.RUNNING,
                start_date=now,
                run_after=now,
                triggered_by=DagRunTriggeredByType.TEST,
            )
        )
        session.flush()
        for index in range(count):
            instance = TaskInstance(
                task=task, run_id=run_id, map_index=index, dag_version_id=version.id, state=TaskInstanceState.RUNNING
            )
            instance.start_date = instance.last_heartbeat_at = now
            instance.try_number = 1
            session.add(instance)


def deferred(dag_id: str, run_id: str, names: list[str]) -> None:
    with create_session() as session:
        wanted = (TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id)
        for instance in session.scalars(select(TaskInstance).where(*wanted)).all():
            ref = {"project": "flytesnacks", "domain": "development", "name": names[instance.map_index]}
            idle = os.environ.get("FLYTE_BRIDGE_TEST_IDLE")
            path, arguments = (IdleTrigger(idle) if idle else FlyteRunTrigger(run=ref)).serialize()
            trigger = Trigger(classpath=path, kwargs=arguments)
            session.add(trigger)
            session.flush()
            instance.state = TaskInstanceState.DEFERRED
            instance.trigger_id = trigger.id
            instance.next_method = "execute_complete"
            instance.next_kwargs = {"run": ref}
            XComModel.set(
                key="flyte_run",
                value=ref,
                dag_id=dag_id,
                task_id="run",
                run_id=run_id,
                map_index=instance.map_index,
                session=session,
            )


runs = sys.argv[2].split(",")
if sys.argv[3:]:
    for run in runs:
        running(sys.argv[1], run, int(sys.argv[3]))
else:
    every = sys.stdin.read().split()
    each = len(every) // len(runs)
    for number, run in enumerate(runs):
        deferred(sys.argv[1], run, every[number * each : (number + 1) * each])
