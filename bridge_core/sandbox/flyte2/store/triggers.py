"""Triggers and their revisions: each deploy, switch and deletion is one (``runs/repository/impl/trigger.go``)."""

# Statements are put together from constants of this package; values always go in as parameters.
# ruff: noqa: S608

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl2.task import common_pb2
from flyteidl2.trigger import trigger_definition_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from ...model.status import Rejected
from ...model.times import to_text
from .listing import Columns

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from ...store.database import Database
    from .listing import Listing

__all__ = ["TRIGGER_COLUMNS", "Triggers", "trigger_not_found"]

TRIGGER_COLUMNS = Columns.named(
    "project domain task_name name active deployed_at updated_at task_version automation_type triggered_at latest_revision",
    integers="latest_revision",
    times="deployed_at updated_at triggered_at",
    booleans="active",
    default_order="deployed_at DESC, id DESC",
)
_ACTIONS = trigger_definition_pb2.TriggerRevisionAction
_NONE = common_pb2.TYPE_NONE


def trigger_not_found(name: Any) -> Rejected:
    """No such trigger."""
    where = f"{name.project}/{name.domain}/{name.task_name}/{name.name}"
    return Rejected("NOT_FOUND", f"trigger not found: {where}: sql: no rows in result set")


class Triggers:
    """Triggers in the store.

    Args:
        database: The store.
        clock: The time, aware: what schedules count from.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._db = database
        self._clock = clock

    def deploy(self, name: Any, spec: Any, automation: Any, *, revision: int = 0, identity: Any = None) -> Any:
        """Adds a trigger, or another revision of it; a deleted one lives again.

        Args:
            name: Its TriggerName.
            spec: Its TriggerSpec.
            automation: Its TriggerAutomationSpec.
            revision: The revision that the caller has seen; 0 for whatever there is.
            identity: Who deploys it.

        Returns:
            Its TriggerDetails.
        """
        stamp = self._now()
        with self._db.transaction():
            row = self._row(name, deleted=True)
            if row is not None and revision and revision != row["latest_revision"]:
                text = "optimistic lock failure: trigger was modified concurrently, please fetch latest and retry"
                raise Rejected("INTERNAL", text)
            details = trigger_definition_pb2.TriggerDetails(spec=spec)
            details.automation_spec.CopyFrom(automation)
            has_schedule = automation.HasField("schedule")
            if details.automation_spec.type != common_pb2.TYPE_SCHEDULE or not has_schedule:
                details.automation_spec.type = _NONE
            _name(details.id.name, name)
            details.id.revision = 1 if row is None else row["latest_revision"] + 1
            details.status.deployed_at.CopyFrom(stamp)
            details.status.updated_at.CopyFrom(stamp)
            if identity is not None:
                details.metadata.deployed_by.CopyFrom(identity)
            if row is not None:
                before = trigger_definition_pb2.TriggerDetails.FromString(row["record"])
                if before.spec.active == spec.active:
                    details.status.updated_at.CopyFrom(before.status.updated_at)
                if before.status.HasField("triggered_at"):
                    details.status.triggered_at.CopyFrom(before.status.triggered_at)
            self._save(details)
            self._revise(details, _ACTIONS.TRIGGER_REVISION_ACTION_DEPLOY, stamp)
        return details

    def find(self, name: Any) -> Any | None:
        """One trigger, or None; without the name of its task the first of that name."""
        row = self._row(name)
        return None if row is None else trigger_definition_pb2.TriggerDetails.FromString(row["record"])

    def revision(self, identifier: Any) -> Any | None:
        """One revision of a trigger, or None."""
        row = self._row(identifier.name, deleted=True)
        found = row and self._db.one(
            "SELECT record FROM flyte2_trigger_revisions WHERE trigger_id=? AND revision=?",
            (row["id"], identifier.revision),
        )
        return trigger_definition_pb2.TriggerDetails.FromString(found["record"]) if found else None

    def history(self, name: Any, limit: int, offset: int) -> list[Any]:
        """Revisions, the newest first."""
        row = self._row(name, deleted=True)
        if row is None:
            return []
        rows = self._db.all(
            "SELECT * FROM flyte2_trigger_revisions WHERE trigger_id=? ORDER BY revision DESC LIMIT ? OFFSET ?",
            (row["id"], limit, offset),
        )
        revisions = []
        for one in rows:
            details = trigger_definition_pb2.TriggerDetails.FromString(one["record"])
            revision = trigger_definition_pb2.TriggerRevision(
                id=details.id, status=details.status, action=one["action"]
            )
            if details.HasField("metadata"):
                revision.metadata.CopyFrom(details.metadata)
            revision.created_at.FromJsonString(one["created_at"])
            revisions.append(revision)
        return revisions

    def set_active(self, name: Any, active: bool) -> None:
        """Switches a trigger; nothing happens to one that is not there, or is so already."""
        with self._db.transaction():
            details = self.find(name)
            if details is None or details.spec.active == active:
                return
            stamp = self._now()
            details.spec.active = active
            details.id.revision += 1
            details.status.updated_at.CopyFrom(stamp)
            self._save(details)
            switched = (
                _ACTIONS.TRIGGER_REVISION_ACTION_ACTIVATE if active else _ACTIONS.TRIGGER_REVISION_ACTION_DEACTIVATE
            )
            self._revise(details, switched, stamp)

    def delete(self, name: Any) -> None:
        """Marks a trigger as deleted; nothing happens to one that is not there."""
        with self._db.transaction():
            details = self.find(name)
            if details is None:
                return
            stamp = self._now()
            details.spec.active = False
            details.id.revision += 1
            details.status.deleted_at.CopyFrom(stamp)
            self._save(details)
            self._revise(details, _ACTIONS.TRIGGER_REVISION_ACTION_DELETE, stamp)

    def fired(self, name: Any, moment: datetime) -> None:
        """A schedule has fired."""
        with self._db.transaction():
            details = self.find(name)
            if details is not None:
                details.status.triggered_at.CopyFrom(_stamp(moment))
                self._save(details)

    def of_task(self, task: Any) -> list[Any]:
        """The triggers of a task by name, in the order of their names."""
        rows = self._db.all(
            "SELECT record FROM flyte2_triggers WHERE project=? AND domain=? AND task_name=? AND deleted_at IS NULL"
            " ORDER BY name",
            (task.project, task.domain, task.name),
        )
        return [trigger_definition_pb2.TriggerDetails.FromString(row["record"]) for row in rows]

    def active(self) -> list[Any]:
        """What may fire."""
        rows = self._db.all("SELECT record FROM flyte2_triggers WHERE active=1 AND deleted_at IS NULL ORDER BY id")
        return [trigger_definition_pb2.TriggerDetails.FromString(row["record"]) for row in rows]

    def page(self, scope: str, arguments: Sequence[Any], query: Listing) -> list[Any]:
        """One page of triggers as lists show them."""
        rows = self._db.all(
            f"SELECT record FROM flyte2_triggers WHERE {query.where(scope, 'deleted_at IS NULL')} {query.page}",
            (*arguments, *query.arguments),
        )
        triggers = []
        for row in rows:
            details = trigger_definition_pb2.TriggerDetails.FromString(row["record"])
            trigger = trigger_definition_pb2.Trigger(id=details.id, status=details.status, active=details.spec.active)
            trigger.automation_spec.CopyFrom(details.automation_spec)
            if details.HasField("metadata"):
                trigger.metadata.CopyFrom(details.metadata)
            triggers.append(trigger)
        return triggers

    def _now(self) -> Any:
        return _stamp(self._clock())

    def _row(self, name: Any, *, deleted: bool = False) -> sqlite3.Row | None:
        condition, arguments = "project=? AND domain=? AND name=?", [name.project, name.domain, name.name]
        if name.task_name:
            condition += " AND task_name=?"
            arguments.append(name.task_name)
        if not deleted:
            condition += " AND deleted_at IS NULL"
        return self._db.one(f"SELECT * FROM flyte2_triggers WHERE {condition} ORDER BY id LIMIT 1", arguments)

    def _save(self, details: Any) -> None:
        name, status = details.id.name, details.status
        columns = {
            "project": name.project,
            "domain": name.domain,
            "task_name": name.task_name,
            "name": name.name,
            "task_version": details.spec.task_version,
            "active": int(details.spec.active),
            "automation_type": common_pb2.TriggerAutomationSpecType.Name(details.automation_spec.type),
            "latest_revision": details.id.revision,
            "deployed_at": to_text(status.deployed_at),
            "updated_at": to_text(status.updated_at),
            "triggered_at": to_text(status.triggered_at) or None,
            "deleted_at": to_text(status.deleted_at) or None,
            "description": details.spec.description,
            "record": details.SerializeToString(),
        }
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        sets = ", ".join(f"{column}=excluded.{column}" for column in columns)
        self._db.execute(
            f"INSERT INTO flyte2_triggers ({names}) VALUES ({marks})"
            f" ON CONFLICT (project, domain, task_name, name) DO UPDATE SET {sets}",
            tuple(columns.values()),
        )

    def _revise(self, details: Any, action: int, stamp: Any) -> None:
        row = self._row(details.id.name, deleted=True)
        assert row is not None
        self._db.execute(
            "INSERT INTO flyte2_trigger_revisions (trigger_id, revision, action, created_at, record) VALUES (?,?,?,?,?)",
            (row["id"], details.id.revision, action, to_text(stamp), details.SerializeToString()),
        )


def _stamp(moment: datetime) -> Any:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def _name(into: Any, name: Any) -> None:
    for field in ("project", "domain", "name", "task_name"):
        setattr(into, field, getattr(name, field))
