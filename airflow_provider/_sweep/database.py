"""Airflow's own database, as far as the sweep needs it: components may read it, so a triggerer's main process does."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .._compat import stored_xcoms
from .unattended import TaskId

__all__ = ["AirflowDatabase"]

_PER_QUESTION = 200


class AirflowDatabase:
    """The Airflow whose process this is."""

    def states(self, tasks: Iterable[TaskId]) -> Mapping[TaskId, str]:
        """What Airflow says about these; those it does not have are left out."""
        from airflow.models.taskinstance import TaskInstance
        from airflow.utils.session import create_session
        from sqlalchemy import select, tuple_

        columns = (TaskInstance.dag_id, TaskInstance.run_id, TaskInstance.task_id, TaskInstance.map_index)
        out: dict[TaskId, str] = {}
        with create_session() as session:
            for chunk in _chunks(tasks):
                rows = session.execute(select(*columns, TaskInstance.state).where(tuple_(*columns).in_(chunk)))
                out.update({TaskId(*row[:4]): str(getattr(row[4], "value", row[4]) or "none") for row in rows})
        return out

    def waits_for(self, tasks: Iterable[TaskId]) -> Mapping[TaskId, str]:
        """The run that each of these says it waits for."""
        from airflow.utils.session import create_session
        from sqlalchemy import select, tuple_

        xcoms = stored_xcoms()
        columns = (xcoms.dag_id, xcoms.run_id, xcoms.task_id, xcoms.map_index)
        out: dict[TaskId, str] = {}
        with create_session() as session:
            for chunk in _chunks(tasks):
                ours = xcoms.key == "flyte_run"
                for row in session.execute(select(*columns, xcoms.value).where(ours, tuple_(*columns).in_(chunk))):
                    if name := _name_in(row[4]):
                        out[TaskId(*row[:4])] = name
        return out


def _chunks(tasks: Iterable[TaskId]) -> Iterator[list[TaskId]]:
    ordered = sorted(tasks)
    for begin in range(0, len(ordered), _PER_QUESTION):
        yield ordered[begin : begin + _PER_QUESTION]


def _name_in(stored: Any) -> str | None:
    value = stored
    for _ in range(2):  # the column is JSON of JSON
        if isinstance(value, str | bytes):
            try:
                value = json.loads(value)
            except ValueError:
                return None
    if isinstance(value, dict):
        name = value.get(
            "name", value.get("__data__", {}).get("name") if isinstance(value.get("__data__"), dict) else None
        )
        return name if isinstance(name, str) else None
    return None
