"""Jobs that connectors run: written before the first question about one, so that no restart loses or doubles it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .database import Database

__all__ = ["FLYTE2", "Job", "Jobs"]

FLYTE2 = "flyte2/"
"""What the keys of Flyte 2's runs begin with here."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job, made by one attempt of a node."""

    execution: str
    """Key of the execution, see `execution_key`; of a run of Flyte 2 with its prefix."""
    path: str
    """Unique id of the node."""
    attempt: int
    task_type: str
    version: int
    output_prefix: str
    resource_meta: bytes
    """By what its connector finds it."""


class Jobs:
    """Jobs in the store: those that may still run."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, job: Job) -> None:
        """Remembers a job."""
        self._db.execute(
            "INSERT OR REPLACE INTO connector_jobs VALUES (?,?,?,?,?,?,?)",
            (
                job.execution,
                job.path,
                job.attempt,
                job.task_type,
                job.version,
                job.output_prefix,
                job.resource_meta,
            ),
        )

    def forget(self, job: Job) -> None:
        """A job has ended, or was deleted."""
        self._db.execute(
            "DELETE FROM connector_jobs WHERE execution=? AND node_id=? AND retry_attempt=?",
            (job.execution, job.path, job.attempt),
        )

    def of(self, execution: str) -> list[Job]:
        """Jobs of an execution, by its key."""
        return [Job(*row) for row in self._db.all("SELECT * FROM connector_jobs WHERE execution=?", (execution,))]

    def find(self, execution: str, path: str, attempt: int) -> Job | None:
        """The job of an attempt, or None."""
        found = (job for job in self.of(execution) if (job.path, job.attempt) == (path, attempt))
        return next(found, None)

    def all_of(self, flyte: int) -> list[Job]:
        """Jobs of all executions of one Flyte, 1 or 2."""
        found = [Job(*row) for row in self._db.all("SELECT * FROM connector_jobs")]
        return [job for job in found if job.execution.startswith(FLYTE2) == (flyte == 2)]  # noqa: PLR2004
