"""Registered tasks, workflows and launch plans: immutable versions, of which one launch plan per name may be active."""

# Statements are put together from constants of this package; values always go in as parameters.
# ruff: noqa: S608

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from flyteidl.admin import launch_plan_pb2, task_pb2, workflow_pb2
from flyteidl.core import identifier_pb2

from ..model.go_text import go_text
from ..model.ids import kind_name
from ..model.status import Rejected
from ..model.times import now, to_text
from .columns import schedule_type
from .executions import heap

if TYPE_CHECKING:
    import sqlite3

    from ..validation.filters import Query
    from .database import Database, Page

__all__ = ["Entities"]

_RECORDS = {
    identifier_pb2.TASK: task_pb2.Task,
    identifier_pb2.WORKFLOW: workflow_pb2.Workflow,
    identifier_pb2.LAUNCH_PLAN: launch_plan_pb2.LaunchPlan,
}
_KEY = "resource_type=? AND project=? AND domain=? AND name=? AND version=?"


class Entities:
    """Entities in the store."""

    def __init__(self, database: Database) -> None:
        self._db = database

    # Versions.

    def add(self, record: Any, structure: bytes, *, workflow_row: int | None = None, type_: str | None = None) -> int:
        """Stores a new version.

        Args:
            record: What Get answers: an admin Task, Workflow or LaunchPlan.
            structure: Deterministic bytes of what makes two registrations the same: the compiled closure.
            workflow_row: For launch plans, the row of their workflow.
            type_: For tasks, the task type.

        Returns:
            The row's id.
        """
        stamp = to_text(now())
        identifier = record.id
        kind = "NONE"
        if identifier.resource_type == identifier_pb2.LAUNCH_PLAN:
            kind = schedule_type(record.spec.entity_metadata.schedule)
        cursor = self._db.execute(
            "INSERT INTO entities (resource_type, project, domain, name, version, created_at, updated_at, workflow_id, type,"
            " schedule_type, short_description, heap, digest, record) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                *_key(identifier),
                stamp,
                stamp,
                workflow_row,
                type_,
                kind,
                getattr(record, "short_description", ""),
                heap(),
                _digest(structure),
                record.SerializeToString(deterministic=True),
            ),
        )
        self._db.execute(
            "INSERT OR IGNORE INTO named_entities (resource_type, project, domain, name) VALUES (?,?,?,?)",
            _key(identifier)[:4],
        )
        return int(cursor.lastrowid or 0)

    def same_structure(self, identifier: Any, structure: bytes) -> bool | None:
        """Whether this version is stored with this structure; None when it is not stored."""
        row = self._db.one(f"SELECT digest FROM entities WHERE {_KEY}", _key(identifier))
        return None if row is None else bool(row["digest"] == _digest(structure))

    def find(self, identifier: Any) -> Any | None:
        """The record of one version, or None."""
        row = self.row(identifier)
        return None if row is None else _RECORDS[row["resource_type"]].FromString(row["record"])

    def row(self, identifier: Any) -> sqlite3.Row | None:
        """The row of one version, or None."""
        return self._db.one(f"SELECT * FROM entities WHERE {_KEY}", _key(identifier))

    def get(self, identifier: Any) -> Any:
        """The record of one version.

        Raises:
            Rejected: NOT_FOUND, in flyteadmin's words (``repositories/errors/postgres.go``).
        """
        record = self.find(identifier)
        if record is None:
            raise missing(identifier)
        return record

    def newest(self, resource_type: int, project: str, domain: str, name: str) -> Any | None:
        """The version of a name that was registered last, or None."""
        row = self._db.one(
            "SELECT record FROM entities WHERE resource_type=? AND project=? AND domain=? AND name=? ORDER BY id DESC",
            (resource_type, project, domain, name),
        )
        return None if row is None else _RECORDS[resource_type].FromString(row["record"])

    def page(self, resource_type: int, query: Query) -> tuple[list[Any], Page]:
        """One page of versions."""
        page = self._db.page(query, ["record"])
        return [_RECORDS[resource_type].FromString(row["record"]) for row in page.rows], page

    # Launch plan activation.

    def active(self, project: str, domain: str, name: str) -> Any | None:
        """The active version of a launch plan, or None."""
        row = self._db.one(
            "SELECT record FROM entities WHERE resource_type=? AND project=? AND domain=? AND name=? AND state=?",
            (identifier_pb2.LAUNCH_PLAN, project, domain, name, launch_plan_pb2.ACTIVE),
        )
        return None if row is None else launch_plan_pb2.LaunchPlan.FromString(row["record"])

    def set_state(self, identifier: Any, state: int) -> None:
        """Activates or deactivates one version; activating deactivates the other one, in one transaction."""
        with self._db.transaction():
            plan = self.get(identifier)
            if state == launch_plan_pb2.ACTIVE:
                other = self.active(identifier.project, identifier.domain, identifier.name)
                if other is not None and other.id.version != identifier.version:
                    self._save_state(other, launch_plan_pb2.INACTIVE)
            self._save_state(plan, state)

    def _save_state(self, plan: Any, state: int) -> None:
        plan.closure.state = state
        plan.closure.updated_at.CopyFrom(now())
        self._db.execute(
            f"UPDATE entities SET state=?, updated_at=?, heap=?, record=? WHERE {_KEY}",
            (
                state,
                to_text(plan.closure.updated_at),
                heap(),
                plan.SerializeToString(deterministic=True),
                *_key(plan.id),
            ),
        )


def missing(identifier: Any) -> Rejected:
    """NOT_FOUND for an entity."""
    bare = identifier_pb2.Identifier()
    bare.CopyFrom(identifier)
    bare.ClearField("resource_type")
    kind = kind_name(identifier.resource_type)
    return Rejected("NOT_FOUND", f"missing entity of type {kind} with identifier {go_text(bare)}")


def _key(identifier: Any) -> tuple[int, str, str, str, str]:
    return (
        identifier.resource_type,
        identifier.project,
        identifier.domain,
        identifier.name,
        identifier.version,
    )


def _digest(structure: bytes) -> bytes:
    return hashlib.sha256(structure).digest()
