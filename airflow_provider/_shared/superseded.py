"""Runs that a task instance launched in an earlier life, and that still go on: before it was cleared, or before its DAG run was
deleted and made again. They are found by what they say about themselves, not by guessing their names.

Stopping a task aborts its run; unless nobody was there to do so: the worker was gone, or the triggerer had not taken the task
over yet.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime

from bridge_core import Client, EntityRef, Provenance, RunPhase, RunQuery, RunSnapshot

from .metrics import count
from .task_key import TaskKey

__all__ = ["LIVE", "end_superseded"]

log = logging.getLogger("airflow.task.flyte")

LIVE = (RunPhase.QUEUED, RunPhase.RUNNING, RunPhase.SUCCEEDING, RunPhase.FAILING)
"""Phases of a run of Flyte 1 that somebody may still want to abort."""
_MOST = 1000


def end_superseded(client: Client, entity: EntityRef, key: TaskKey, *, began: datetime | None) -> None:
    """Aborts what still lives of the runs of this task instance's earlier lives.

    Args:
        client: Asks Flyte.
        entity: What is about to be launched, `placed`.
        key: The task instance.
        began: When this try began: what another task instance of these names launched since then is not ours to end, we are
            the one that is late.
    """
    for run in _live(client, entity, key):
        made_by = run.provenance
        if made_by is None or made_by.origin != key.provenance().origin:
            continue
        cleared = key.supersedes(made_by.identity)
        if cleared is None:
            if began is None or run.created_at is None or run.created_at >= began:
                continue
            why = "its DAG run was deleted and made again"
        elif cleared:
            why = "was cleared and starts anew"
        else:
            continue
        client.abort(run.ref, reason=f"Airflow task {key}: {why}" if cleared is None else f"Airflow task {key} {why}")
        count("superseded")
        log.warning("aborted run %s (%s): the task %s", run.ref, run.phase.value, why)


def _live(client: Client, entity: EntityRef, key: TaskKey) -> Iterator[RunSnapshot]:
    """Live runs that may be of this task instance. FlyteAdmin keeps no labels of single-task runs, which names find."""
    if key.single_task:
        query = RunQuery(phases=LIVE, name_contains=key.family)
    else:
        query = RunQuery(phases=LIVE, labels={Provenance.ORIGIN_LABEL: key.provenance().origin})
    yield from client.list_runs(project=entity.project, domain=entity.domain, query=query, limit=_MOST)
