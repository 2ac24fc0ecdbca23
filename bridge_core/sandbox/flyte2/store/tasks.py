"""Deployed tasks. A version that is deployed again is overwritten and keeps its time (``impl/task.go:49``): the newest version is
the one that was deployed *first* last, whatever is deployed again.
"""

# Statements are put together from constants of this package; values always go in as parameters.
# ruff: noqa: S608

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl2.task import task_definition_pb2

from ...model.status import Rejected
from ...model.times import now, to_text
from .listing import Columns

if TYPE_CHECKING:
    import sqlite3

    from ...store.database import Database
    from .listing import Listing

__all__ = ["TASK_COLUMNS", "Tasks", "task_not_found"]

TASK_COLUMNS = Columns.named(
    "project domain name version environment function_name deployed_by created_at updated_at total_triggers active_triggers",
    integers="total_triggers active_triggers",
    times="created_at updated_at",
    default_order="created_at DESC, id DESC",
)
_DESCRIPTION_BYTES = 255


def task_not_found(task_id: Any, code: str = "NOT_FOUND") -> Rejected:
    """What is said of a task that is not there; CreateRun wraps it without a code, which makes it UNKNOWN."""
    key = f"{task_id.project} {task_id.domain} {task_id.name} {task_id.version}"
    return Rejected(code, f"task not found: {{{key}}}")


class Tasks:
    """Tasks in the store."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def deploy(self, task_id: Any, spec: Any, *, deployed_by: Any = None) -> None:
        """Adds a version, or overwrites it."""
        stamp = now()
        metadata = task_definition_pb2.TaskMetadata(
            short_name=task_id.name.rpartition(".")[2], environment_name=spec.environment.name
        )
        text = spec.documentation.short_description.encode()[:_DESCRIPTION_BYTES].decode(errors="ignore")
        metadata.short_description = text
        subject = ""
        if deployed_by is not None:
            metadata.deployed_by.CopyFrom(deployed_by)
            subject = deployed_by.user.id.subject
        self._db.execute(
            "INSERT INTO flyte2_tasks (project, domain, name, version, environment, function_name, deployed_by,"
            " created_at, updated_at, metadata, spec) VALUES (?,?,?,?,?,?,?,?,?,?,?)"
            " ON CONFLICT (project, domain, name, version) DO UPDATE SET environment=excluded.environment,"
            " function_name=excluded.function_name, updated_at=excluded.updated_at, metadata=excluded.metadata,"
            " spec=excluded.spec",
            (
                task_id.project,
                task_id.domain,
                task_id.name,
                task_id.version,
                spec.environment.name,
                task_id.name,
                subject,
                to_text(stamp),
                to_text(stamp),
                metadata.SerializeToString(),
                spec.SerializeToString(),
            ),
        )

    def find(self, task_id: Any) -> Any | None:
        """Details of one version, or None."""
        row = self._db.one(
            "SELECT * FROM flyte2_tasks WHERE project=? AND domain=? AND name=? AND version=?",
            (task_id.project, task_id.domain, task_id.name, task_id.version),
        )
        if row is None:
            return None
        details = task_definition_pb2.TaskDetails(task_id=_id(row), metadata=_metadata(row))
        details.spec.ParseFromString(row["spec"])
        return details

    def newest(self, project: str, domain: str, name: str) -> Any | None:
        """The spec of the newest version of a task, or None."""
        row = self._db.one(
            "SELECT spec FROM flyte2_tasks WHERE project=? AND domain=? AND name=? ORDER BY created_at DESC, id DESC LIMIT 1",
            (project, domain, name),
        )
        return None if row is None else task_definition_pb2.TaskSpec.FromString(row["spec"])

    def summarise_triggers(self, task_id: Any, summary: Any, *, total: int, active: int) -> None:
        """What a version says of the triggers that it has now; it goes on saying so when they move to a newer one."""
        row = self._db.one(
            "SELECT * FROM flyte2_tasks WHERE project=? AND domain=? AND name=? AND version=?",
            (task_id.project, task_id.domain, task_id.name, task_id.version),
        )
        if row is None:
            return
        metadata = task_definition_pb2.TaskMetadata.FromString(row["metadata"])
        metadata.ClearField("triggers_summary")
        if summary is not None:
            metadata.triggers_summary.CopyFrom(summary)
        self._db.execute(
            "UPDATE flyte2_tasks SET metadata=?, total_triggers=?, active_triggers=? WHERE id=?",
            (metadata.SerializeToString(), total, active, row["id"]),
        )

    def versions(self, task_name: Any, query: Listing) -> list[sqlite3.Row]:
        """One page of the versions of a task."""
        return self._db.all(
            f"SELECT * FROM flyte2_tasks WHERE {query.where('project=?', 'domain=?', 'name=?')} {query.page}",
            (task_name.project, task_name.domain, task_name.name, *query.arguments),
        )

    def page(self, scope: str, arguments: tuple[Any, ...], query: Listing) -> tuple[list[Any], int, int]:
        """One page of the newest versions of tasks among those that the filters leave.

        Returns:
            The tasks, how many there are, and how many the filters leave; the numbers are 0 on a page past the end.
        """
        newest = (
            "SELECT *, row_number() OVER (PARTITION BY project, domain, name ORDER BY created_at DESC, id DESC) AS place"
            f" FROM flyte2_tasks WHERE {query.where(scope)}"
        )
        rows = self._db.all(f"SELECT * FROM ({newest}) WHERE place=1 {query.page}", (*arguments, *query.arguments))
        if not rows:
            return [], 0, 0
        total = self._db.one(
            f"SELECT count(*) AS n FROM (SELECT 1 FROM flyte2_tasks WHERE {scope} GROUP BY project, domain, name)",
            arguments,
        )
        filtered = self._db.one(f"SELECT count(*) AS n FROM ({newest}) WHERE place=1", (*arguments, *query.arguments))
        assert total is not None
        assert filtered is not None
        return [task_of(row) for row in rows], total["n"], filtered["n"]


def task_of(row: sqlite3.Row) -> Any:
    """A task as lists show it."""
    return task_definition_pb2.Task(task_id=_id(row), metadata=_metadata(row), task_summary={})


def _id(row: sqlite3.Row) -> Any:
    return task_definition_pb2.TaskIdentifier(
        project=row["project"], domain=row["domain"], name=row["name"], version=row["version"]
    )


def _metadata(row: sqlite3.Row) -> Any:
    metadata = task_definition_pb2.TaskMetadata.FromString(row["metadata"])
    metadata.deployed_at.FromJsonString(row["created_at"])
    return metadata
