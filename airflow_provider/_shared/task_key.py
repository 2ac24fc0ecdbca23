"""How an Airflow retry finds its old run: the name of a run follows from the task instance, never from the try.

The names of a task instance do not identify it: a DAG run that is deleted and made again has the same ones, and so has the
same DAG in another Airflow. ``identity`` tells them apart (`_shared.identity`). ``epoch`` is constant over automatic retries and
changes with every clear (measured on Airflow 3.3.2: clearing raises ``max_tries``), so a retry meets the run of the try
before it, and a cleared task gets a new one. ``attempt`` counts the runs of one epoch that ended badly: a retry after a
failed run launches under the next one.

Editing ``retries`` while a task is on its way moves the epoch too, as the worker reads the new file and Airflow keeps the old
``max_tries``. A DAG run's ``clear_number`` tells the two apart: at 0, nothing in it was ever cleared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge_core import run_name

if TYPE_CHECKING:
    from bridge_core import Provenance

__all__ = ["SINGLE_TASK_PREFIX", "TaskKey"]

_PREFIX = "airflow-"
SINGLE_TASK_PREFIX = "airtask-"
"""Begins the names of runs of single Flyte tasks: FlyteAdmin keeps no labels of those to filter by."""
_MARK = slice(1, 5)


class TaskKey:
    """What identifies one task instance between two clears.

    Args:
        ti: Airflow's task instance.
        retries: The task's ``retries``.
        clears: How often tasks of this DAG run were cleared (``dag_run.clear_number``). None: unknown.
        identity: Tells it from other task instances under the same names.
        installation: Which Airflow.
        single_task: Whether it launches a Flyte task by itself.
    """

    __slots__ = (
        "dag_id",
        "epoch",
        "identity",
        "installation",
        "map_index",
        "run_id",
        "single_task",
        "task_id",
        "version",
    )

    def __init__(
        self,
        ti: Any,
        *,
        retries: int | None,
        clears: int | None = None,
        identity: str = "",
        installation: str = "",
        single_task: bool = False,
    ) -> None:
        self.dag_id: str = ti.dag_id
        self.run_id: str = ti.run_id
        self.task_id: str = ti.task_id
        self.map_index: int = -1 if ti.map_index is None else ti.map_index
        # Below 0, somebody raised the task's retries while this instance was on its way; above 0 without any clear, somebody
        # lowered them. It is still the first epoch.
        self.epoch: int = 0 if clears == 0 else max(0, ti.max_tries - (retries or 0))
        self.identity = identity
        self.installation = installation
        self.single_task = single_task
        self.version = ""
        """Of what was registered for it: part of the names of its runs."""

    def __str__(self) -> str:
        mapped = f"[{self.map_index}]" if self.map_index >= 0 else ""
        return f"{self.dag_id}.{self.task_id}{mapped} of {self.run_id}"

    @property
    def family(self) -> str:
        """Begins the names of all runs of task instances with these names, and of few others."""
        prefix = SINGLE_TASK_PREFIX if self.single_task else _PREFIX
        return prefix + run_name(self.dag_id, self.run_id, self.task_id, self.map_index)[_MARK]

    def name(self, attempt: int) -> str:
        """The run name of this attempt, 0 for the first."""
        return run_name(
            self.dag_id,
            self.run_id,
            self.task_id,
            self.map_index,
            self.identity,
            self.epoch,
            attempt,
            *([self.version] if self.version else []),
            prefix=self.family,
        )

    def legacy_name(self, attempt: int) -> str:
        """What releases without an identity called it."""
        return run_name(self.dag_id, self.run_id, self.task_id, self.map_index, self.epoch, attempt)

    def provenance(self, *, attempt: int | None = None, url: str = "", awaited: bool = False) -> Provenance:
        """What the runs of this task instance say about it.

        Args:
            attempt: Airflow's number of the try.
            url: The task's page in Airflow.
            awaited: Whether the task waits for the run and wants it aborted when somebody stops the task.
        """
        from bridge_core import Provenance

        return Provenance(
            source="airflow",
            installation=self.installation,
            job=self.dag_id,
            run=self.run_id,
            task=self.task_id,
            part=str(self.map_index) if self.map_index >= 0 else "",
            attempt=attempt,
            identity=f"{self.identity}/{self.epoch}",
            url=url,
            awaited=awaited,
        )

    def supersedes(self, other: str) -> bool | None:
        """Whether the identity of another run of this task instance is one that was cleared; None: of another task instance."""
        identity, _, epoch = other.rpartition("/")
        if identity != self.identity:
            return None
        return epoch.isdecimal() and int(epoch) < self.epoch
