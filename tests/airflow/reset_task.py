"""Does to the task ``run`` of a DAG run what a scheduler does to one that it takes for an orphan. Run by AirflowHome.script."""

from __future__ import annotations

import sys

from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from airflow.utils.state import TaskInstanceState
from sqlalchemy import select


def main(dag_id: str, run_id: str, state: str) -> None:
    with create_session() as session:
        wanted = (TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id)
        instance = session.scalars(select(TaskInstance).where(*wanted)).one()
        instance.state = None if state == "none" else TaskInstanceState(state)


main(*sys.argv[1:])
