"""Runs and their actions: a run is its action ``a0``. Clients read an `ActionDetails`, the engine needs an `ActionSpec`."""

# Statements are put together from constants of this package; values always go in as parameters.
# ruff: noqa: S608

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flyteidl2.common import phase_pb2
from flyteidl2.workflow import run_definition_pb2

from ...model.times import now, to_text
from .listing import Columns

if TYPE_CHECKING:
    import sqlite3

    from ...store.database import Database
    from .listing import Listing

__all__ = ["ACTION_COLUMNS", "ROOT", "TERMINAL", "Actions", "StoredAction", "is_terminal"]

ROOT = "a0"
"""The name of the action that is the run."""

TERMINAL = frozenset(
    {
        phase_pb2.ACTION_PHASE_SUCCEEDED,
        phase_pb2.ACTION_PHASE_FAILED,
        phase_pb2.ACTION_PHASE_ABORTED,
        phase_pb2.ACTION_PHASE_TIMED_OUT,
        10,  # RECOVERED, flyteidl2 2.0.28
    }
)
ACTION_COLUMNS = Columns.named(
    "project domain run_name name phase action_type run_source created_by_subject trigger_name trigger_task_name "
    "trigger_revision trigger_type task_org task_project task_domain task_name task_version task_type task_short_name "
    "function_name created_at updated_at ended_at duration_ms",
    integers="phase action_type duration_ms trigger_revision",
    times="created_at updated_at ended_at",
    default_order="phase ASC, created_at DESC, run_name DESC, name DESC",
)


def is_terminal(phase: int) -> bool:
    """Whether nothing comes after this phase."""
    return phase in TERMINAL


@dataclass(slots=True)
class StoredAction:
    """One action as it is kept.

    Attributes:
        row: Its number in the store.
        details: What clients read: the ActionDetails.
        spec: What it was created with: the ActionSpec.
        cache_key: Where its outputs are looked for; empty for nowhere.
    """

    row: int
    details: Any
    spec: Any
    cache_key: str = ""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Project, domain, run and name."""
        run = self.details.id.run
        return run.project, run.domain, run.name, self.details.id.name

    @property
    def action(self) -> Any:
        """As lists show it."""
        return run_definition_pb2.Action(id=self.details.id, metadata=self.details.metadata, status=self.details.status)


class Actions:
    """Actions in the store."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, details: Any, spec: Any, cache_key: str = "") -> tuple[StoredAction, bool]:
        """Adds an action; where there is one of that name, it stays as it is (``ON CONFLICT DO NOTHING``).

        Returns:
            The action that is there now, and whether it was added.
        """
        columns = {
            **_key_columns(details.id),
            **_columns(details),
            "parent": details.metadata.parent,
            "cache_key": cache_key,
            "spec": spec.SerializeToString(),
        }
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        with self._db.transaction():
            made = self._db.execute(
                f"INSERT INTO flyte2_actions ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING", tuple(columns.values())
            )
            found = self.find(details.id)
        assert found is not None
        return found, made.rowcount == 1

    def save(self, action: StoredAction) -> None:
        """Stores what changed."""
        columns = _columns(action.details)
        sets = ", ".join(f"{name}=?" for name in columns)
        self._db.execute(f"UPDATE flyte2_actions SET {sets} WHERE id=?", (*columns.values(), action.row))

    def find(self, action_id: Any) -> StoredAction | None:
        """One action, or None."""
        run = action_id.run
        row = self._db.one(
            "SELECT * FROM flyte2_actions WHERE project=? AND domain=? AND run_name=? AND name=?",
            (run.project, run.domain, run.name, action_id.name),
        )
        return None if row is None else _stored(row)

    def named(self, run_name: str, name: str) -> list[StoredAction]:
        """The actions of this name in runs of this name, of all projects, the first that was made first."""
        rows = self._db.all("SELECT * FROM flyte2_actions WHERE run_name=? AND name=? ORDER BY id", (run_name, name))
        return [_stored(row) for row in rows]

    def of_run(self, run: Any) -> list[StoredAction]:
        """All actions of a run, in the order in which they were made."""
        rows = self._db.all(
            "SELECT * FROM flyte2_actions WHERE project=? AND domain=? AND run_name=? ORDER BY id",
            (run.project, run.domain, run.name),
        )
        return [_stored(row) for row in rows]

    def children(self, parent_id: Any) -> list[StoredAction]:
        """What an action has enqueued."""
        run = parent_id.run
        rows = self._db.all(
            "SELECT * FROM flyte2_actions WHERE project=? AND domain=? AND run_name=? AND parent=? ORDER BY id",
            (run.project, run.domain, run.name, parent_id.name),
        )
        return [_stored(row) for row in rows]

    def unfinished(self) -> list[StoredAction]:
        """Actions that have not ended, in the order in which they were made."""
        marks = ", ".join("?" * len(TERMINAL))
        rows = self._db.all(f"SELECT * FROM flyte2_actions WHERE phase NOT IN ({marks}) ORDER BY id", tuple(TERMINAL))
        return [_stored(row) for row in rows]

    def page(self, scope: str, arguments: tuple[Any, ...], query: Listing) -> tuple[list[StoredAction], bool]:
        """One page of actions, and whether there are more."""
        rows = self._db.all(
            f"SELECT * FROM flyte2_actions WHERE {query.where(scope)} ORDER BY {query.order}"
            f" LIMIT {query.limit + 1:d} OFFSET {query.offset:d}",
            (*arguments, *query.arguments),
        )
        return [_stored(row) for row in rows[: query.limit]], len(rows) > query.limit

    def newest(self, scope: str, arguments: tuple[Any, ...], most: int) -> list[StoredAction]:
        """The newest actions, the first one last."""
        rows = self._db.all(
            f"SELECT * FROM flyte2_actions WHERE {scope} ORDER BY created_at DESC, id DESC LIMIT {most:d}", arguments
        )
        return [_stored(row) for row in rows]

    def cached(self, key: str) -> str | None:
        """Where the outputs of an action with this cache key are."""
        row = self._db.one("SELECT outputs_uri FROM flyte2_cache WHERE key=?", (key,))
        return None if row is None else str(row["outputs_uri"])

    def cache(self, key: str, outputs_uri: str) -> None:
        """Keeps outputs for those with the same key."""
        self._db.execute("INSERT OR IGNORE INTO flyte2_cache (key, outputs_uri) VALUES (?, ?)", (key, outputs_uri))


def _stored(row: sqlite3.Row) -> StoredAction:
    return StoredAction(
        row["id"],
        run_definition_pb2.ActionDetails.FromString(row["details"]),
        run_definition_pb2.ActionSpec.FromString(row["spec"]),
        row["cache_key"],
    )


def _key_columns(action_id: Any) -> dict[str, Any]:
    run = action_id.run
    return {"project": run.project, "domain": run.domain, "run_name": run.name, "name": action_id.name}


def _columns(details: Any) -> dict[str, Any]:
    """What is filtered and sorted on."""
    metadata, status = details.metadata, details.status
    task, trigger = metadata.task, metadata.trigger_id
    sources = run_definition_pb2.RunSource.DESCRIPTOR.values_by_number
    return {
        "phase": status.phase,
        "action_type": metadata.action_type,
        "run_source": sources[metadata.source].name if metadata.source in sources and metadata.source else "",
        "created_at": to_text(status.start_time),
        "updated_at": to_text(now()),
        "ended_at": to_text(status.end_time) or None,
        "duration_ms": status.duration_ms if status.HasField("duration_ms") else None,
        "task_org": task.id.org,
        "task_project": task.id.project,
        "task_domain": task.id.domain,
        "task_name": task.id.name,
        "task_version": task.id.version,
        "task_type": task.task_type,
        "task_short_name": task.short_name,
        "function_name": metadata.funtion_name,
        "environment": metadata.environment_name,
        "trigger_name": trigger.name.name,
        "trigger_task_name": trigger.name.task_name,
        "trigger_revision": trigger.revision or None,
        "created_by_subject": metadata.executed_by.user.id.subject,
        "details": details.SerializeToString(),
    }
