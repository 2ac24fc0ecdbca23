"""Which runs nobody waits for any more: the second line of defence, for tasks that were stopped while no triggerer held them and
no worker ran them, and for whatever else keeps a stop from reaching Flyte.

It begins with Flyte, not with those who wait: who was cancelled has left every list of ours. A live run of this Airflow that
says that a task waits for it is held against that task; when the task is over, or gone, in two looks some time apart, the run
is aborted. Two looks, because a task and its run never change in one moment.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple, Protocol

from bridge_core import Client, Provenance, RunQuery, RunRef, RunSnapshot

from .._shared.superseded import LIVE
from .._shared.task_key import SINGLE_TASK_PREFIX

__all__ = ["TaskId", "Tasks", "Watchlist", "awaited_runs", "found_unattended", "rivals", "unattended"]

_OVER = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
"""In every other state somebody attends to the run, or the next try will."""
_MOST = 100_000


class TaskId(NamedTuple):
    """Names of one task instance."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int

    @classmethod
    def of(cls, made_by: Provenance) -> TaskId:
        """The task instance that launched a run."""
        return cls(made_by.job, made_by.run, made_by.task, int(made_by.part) if made_by.part else -1)

    def __str__(self) -> str:
        mapped = f"[{self.map_index}]" if self.map_index >= 0 else ""
        return f"{self.dag_id}.{self.task_id}{mapped} of {self.run_id}"


class Tasks(Protocol):
    """An Airflow, as far as the sweep asks it."""

    def states(self, tasks: Iterable[TaskId], /) -> Mapping[TaskId, str]:
        """What it says about these; those it does not have are left out."""

    def waits_for(self, tasks: Iterable[TaskId], /) -> Mapping[TaskId, str]:
        """Name of the run that each of these says it waits for."""


def found_unattended(client: Client, airflow: Tasks, project: str, domain: str, installation: str) -> dict[RunRef, str]:
    """Live runs of one project and domain that nobody waits for at this moment, with the reason."""
    awaited = awaited_runs(client, project, domain, installation)
    states = airflow.states(set(awaited.values()))
    return {run.ref: why for run, why in unattended(awaited, states, airflow.waits_for(rivals(awaited))).items()}


def awaited_runs(client: Client, project: str, domain: str, installation: str) -> dict[RunSnapshot, TaskId]:
    """Live runs for which a task of this installation waits, or did, with the task.

    Two questions, because FlyteAdmin keeps no labels of single-task runs. No run answers to both.
    """
    mark = Provenance(source="airflow", installation=installation, awaited=True).labels()[Provenance.AWAITED_LABEL]
    queries = (
        RunQuery(phases=LIVE, labels={Provenance.AWAITED_LABEL: mark}),
        RunQuery(phases=LIVE, name_contains=SINGLE_TASK_PREFIX),
    )
    found: dict[RunRef, RunSnapshot] = {}
    for query in queries:
        for run in client.list_runs(project=project, domain=domain, query=query, limit=_MOST):
            found.setdefault(run.ref, run)
    out: dict[RunSnapshot, TaskId] = {}
    for run in found.values():
        by = run.provenance  # what the run itself says: a refused duplicate leaves its labels on the run that was there
        if by is None or by.source != "airflow" or by.installation != installation or not by.awaited:
            continue
        if not by.part or by.part.isdecimal():
            out[run] = TaskId.of(by)
    return out


def rivals(awaited: Mapping[RunSnapshot, TaskId]) -> set[TaskId]:
    """Task instances that several live runs claim: only one of them is waited for."""
    seen: set[TaskId] = set()
    return {task for task in awaited.values() if task in seen or seen.add(task)}  # type: ignore[func-returns-value]


def unattended(
    awaited: Mapping[RunSnapshot, TaskId], states: Mapping[TaskId, str], waits_for: Mapping[TaskId, str]
) -> dict[RunSnapshot, str]:
    """Runs whose task is over, gone, or waits for another one; with the reason.

    Args:
        awaited: Of `awaited_runs`.
        states: What Airflow says; a task instance that is not there is gone.
        waits_for: Name of the run that a deferred task waits for, for `rivals`.
    """
    out: dict[RunSnapshot, str] = {}
    for run, task in awaited.items():
        state = states.get(task)
        if state is None:
            out[run] = f"Airflow has no task instance {task} any more"
        elif state in _OVER:
            out[run] = f"Airflow task {task} is over (state: {state})"
        elif state == "deferred" and waits_for.get(task, run.ref.name) != run.ref.name:
            out[run] = f"Airflow task {task} waits for run {waits_for[task]}"
    return out


class Watchlist:
    """Remembers between looks.

    Args:
        pause: Seconds that lie between the first look that finds a run unattended and the one that ends it.
    """

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._since: dict[RunRef, float] = {}

    def due(self, found: Collection[RunRef], now: float) -> list[RunRef]:
        """Those of ``found`` that were found long enough ago, and at every look since. Others are remembered, or forgotten."""
        self._since = {ref: self._since.get(ref, now) for ref in found}
        return [ref for ref, since in self._since.items() if now - since >= self._pause]

    def overdue(self, now: float) -> float:
        """Seconds for which the longest of these is due, and was not seen to; 0 when none is."""
        return max((0.0, *(now - since - self._pause for since in list(self._since.values()))))

    def forget(self, refs: Iterable[RunRef]) -> None:
        """These were seen to."""
        for ref in refs:
            self._since.pop(ref, None)
