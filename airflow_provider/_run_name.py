"""How an Airflow retry finds its old run: the name of a run follows from the task instance, never from the try.

``epoch`` is constant over automatic retries and changes with every clear (measured on Airflow 3.3.2: clearing raises
``max_tries``), so a retry meets the run of the try before it, and a cleared task gets a new one. ``attempt`` counts the runs
of one epoch that ended badly: a retry after a failed run launches under the next one.

Editing ``retries`` while a task is on its way moves the epoch too, as the worker reads the new file and Airflow keeps the old
``max_tries``. A DAG run's ``clear_number`` tells the two apart: at 0, nothing in it was ever cleared.
"""

from __future__ import annotations

from typing import Any

from bridge_core import run_name

__all__ = ["TaskKey"]


class TaskKey:
    """What identifies one task instance between two clears.

    Args:
        ti: Airflow's task instance.
        retries: The task's ``retries``.
        clears: How often tasks of this DAG run were cleared (``dag_run.clear_number``). None: unknown.
    """

    __slots__ = ("dag_id", "epoch", "map_index", "run_id", "task_id")

    def __init__(self, ti: Any, *, retries: int | None, clears: int | None = None) -> None:
        self.dag_id: str = ti.dag_id
        self.run_id: str = ti.run_id
        self.task_id: str = ti.task_id
        self.map_index: int = -1 if ti.map_index is None else ti.map_index
        # Below 0, somebody raised the task's retries while this instance was on its way; above 0 without any clear, somebody
        # lowered them. It is still the first epoch.
        self.epoch: int = 0 if clears == 0 else max(0, ti.max_tries - (retries or 0))

    def __str__(self) -> str:
        mapped = f"[{self.map_index}]" if self.map_index >= 0 else ""
        return f"{self.dag_id}.{self.task_id}{mapped} of {self.run_id}"

    def name(self, attempt: int, *, epoch: int | None = None) -> str:
        """The run name of this attempt, 0 for the first; of an earlier epoch if one is given."""
        epoch = self.epoch if epoch is None else epoch
        return run_name(self.dag_id, self.run_id, self.task_id, self.map_index, epoch, attempt)
