"""The tables of the SQLite file, and the way from those of an older version to today's.

`PRAGMA user_version` counts the steps that a file has behind it. A new file takes all of them, so there is one way to today's
tables. A step is never changed once it was released: a change of the tables is one more step.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from flyteidl.admin import launch_plan_pb2, node_execution_pb2, project_pb2, signal_pb2, task_execution_pb2
from flyteidl.core import identifier_pb2

from .columns import node_columns, schedule_type, task_columns
from .flyte2_tables import FLYTE2

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["migrate"]

_FIRST = """
CREATE TABLE IF NOT EXISTS projects (
    id TEXT PRIMARY KEY, record BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS entities (
    id INTEGER PRIMARY KEY AUTOINCREMENT, resource_type INTEGER NOT NULL,
    project TEXT NOT NULL, domain TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL,
    state INTEGER NOT NULL DEFAULT 0, created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
    workflow_id INTEGER, type TEXT, digest BLOB NOT NULL, record BLOB NOT NULL,
    UNIQUE (resource_type, project, domain, name, version));
CREATE TABLE IF NOT EXISTS named_entities (
    resource_type INTEGER NOT NULL, project TEXT NOT NULL, domain TEXT NOT NULL, name TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '', state INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (resource_type, project, domain, name));
CREATE TABLE IF NOT EXISTS descriptions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, resource_type INTEGER NOT NULL,
    project TEXT NOT NULL, domain TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL, record BLOB NOT NULL,
    UNIQUE (resource_type, project, domain, name, version));
CREATE TABLE IF NOT EXISTS executions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, created_at TEXT NOT NULL, updated_at TEXT NOT NULL, deleted_at TEXT,
    execution_project TEXT NOT NULL, execution_domain TEXT NOT NULL, execution_name TEXT NOT NULL,
    launch_plan_id INTEGER, workflow_id INTEGER, task_id INTEGER, phase TEXT NOT NULL,
    started_at TEXT, execution_created_at TEXT, execution_updated_at TEXT, duration REAL NOT NULL DEFAULT 0,
    abort_cause TEXT NOT NULL DEFAULT '', mode INTEGER NOT NULL DEFAULT 0, source_execution_id INTEGER,
    parent_node_execution_id INTEGER, cluster TEXT NOT NULL DEFAULT '', error_kind TEXT, error_code TEXT,
    user TEXT NOT NULL DEFAULT '', state INTEGER NOT NULL DEFAULT 0, launch_entity TEXT NOT NULL DEFAULT '',
    spec BLOB NOT NULL, closure BLOB NOT NULL, inputs BLOB NOT NULL, user_inputs BLOB NOT NULL, outputs BLOB,
    inputs_uri TEXT NOT NULL DEFAULT '', user_inputs_uri TEXT NOT NULL DEFAULT '',
    UNIQUE (execution_project, execution_domain, execution_name));
CREATE INDEX IF NOT EXISTS executions_by_creation ON executions (execution_project, execution_domain, created_at);
CREATE INDEX IF NOT EXISTS executions_by_phase ON executions (execution_project, execution_domain, phase, created_at);
CREATE INDEX IF NOT EXISTS executions_by_plan ON executions (launch_plan_id, phase);
CREATE TABLE IF NOT EXISTS execution_tags (
    execution_project TEXT NOT NULL, execution_domain TEXT NOT NULL, execution_name TEXT NOT NULL,
    key TEXT NOT NULL, value TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS execution_tags_by_name ON execution_tags (execution_name);
CREATE TABLE IF NOT EXISTS node_executions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, execution TEXT NOT NULL, node_id TEXT NOT NULL, parent TEXT NOT NULL,
    phase TEXT NOT NULL, created_at TEXT NOT NULL, record BLOB NOT NULL, inputs BLOB, outputs BLOB, dynamic BLOB,
    UNIQUE (execution, node_id));
CREATE INDEX IF NOT EXISTS node_executions_by_parent ON node_executions (execution, parent);
CREATE TABLE IF NOT EXISTS task_executions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, execution TEXT NOT NULL, node_id TEXT NOT NULL, task TEXT NOT NULL,
    retry_attempt INTEGER NOT NULL, phase TEXT NOT NULL, created_at TEXT NOT NULL, record BLOB NOT NULL,
    inputs BLOB, outputs BLOB, log_path TEXT NOT NULL DEFAULT '',
    UNIQUE (execution, node_id, task, retry_attempt));
CREATE TABLE IF NOT EXISTS signals (
    id INTEGER PRIMARY KEY AUTOINCREMENT, execution TEXT NOT NULL, signal_id TEXT NOT NULL, record BLOB NOT NULL,
    UNIQUE (execution, signal_id));
CREATE TABLE IF NOT EXISTS schedules (
    launch_plan_id INTEGER PRIMARY KEY, activated_at INTEGER NOT NULL, fired_until INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS connector_jobs (
    execution TEXT NOT NULL, node_id TEXT NOT NULL, retry_attempt INTEGER NOT NULL, task_type TEXT NOT NULL,
    version INTEGER NOT NULL, output_prefix TEXT NOT NULL, resource_meta BLOB NOT NULL,
    PRIMARY KEY (execution, node_id, retry_attempt));
CREATE TABLE IF NOT EXISTS cached_outputs (
    key TEXT PRIMARY KEY, outputs BLOB NOT NULL, source BLOB NOT NULL);
"""
_NODE_COLUMNS = """
    updated_at TEXT; deleted_at TEXT; execution_project TEXT; execution_domain TEXT; execution_name TEXT; input_uri TEXT;
    started_at TEXT; node_execution_created_at TEXT; node_execution_updated_at TEXT; duration REAL NOT NULL DEFAULT 0;
    parent_id INTEGER; parent_task_execution_id INTEGER; error_kind TEXT; error_code TEXT; cache_status TEXT;
    dynamic_workflow_remote_closure_reference TEXT"""
_TASK_COLUMNS = """
    updated_at TEXT; deleted_at TEXT; project TEXT; domain TEXT; name TEXT; version TEXT; execution_project TEXT;
    execution_domain TEXT; execution_name TEXT; phase_version INTEGER NOT NULL DEFAULT 0; input_uri TEXT; started_at TEXT;
    task_execution_created_at TEXT; task_execution_updated_at TEXT; duration REAL NOT NULL DEFAULT 0"""

# `heap` is where a row lies: rows of lists without an order come as they lie, and one that is written anew lies at the end.
_ADMIN = """
ALTER TABLE projects ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE projects ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE projects ADD COLUMN state INTEGER NOT NULL DEFAULT 0;
ALTER TABLE projects ADD COLUMN created_at TEXT NOT NULL DEFAULT '';
ALTER TABLE projects ADD COLUMN updated_at TEXT NOT NULL DEFAULT '';
ALTER TABLE entities ADD COLUMN schedule_type TEXT NOT NULL DEFAULT 'NONE';
ALTER TABLE entities ADD COLUMN short_description TEXT NOT NULL DEFAULT '';
ALTER TABLE entities ADD COLUMN heap INTEGER NOT NULL DEFAULT 0;
UPDATE entities SET heap=id;
ALTER TABLE executions ADD COLUMN heap INTEGER NOT NULL DEFAULT 0;
ALTER TABLE executions ADD COLUMN merged BLOB;
UPDATE executions SET heap=id, merged=spec, launch_entity=lower(launch_entity);
CREATE TABLE execution_inputs (
    execution_project TEXT NOT NULL, execution_domain TEXT NOT NULL, execution_name TEXT NOT NULL,
    inputs BLOB NOT NULL, user_inputs BLOB NOT NULL,
    PRIMARY KEY (execution_project, execution_domain, execution_name));
INSERT INTO execution_inputs SELECT execution_project, execution_domain, execution_name, inputs, user_inputs FROM executions;
ALTER TABLE executions DROP COLUMN inputs;
ALTER TABLE executions DROP COLUMN user_inputs;
DELETE FROM execution_tags WHERE rowid NOT IN (
    SELECT min(rowid) FROM execution_tags GROUP BY execution_project, execution_domain, execution_name, key, value);
CREATE UNIQUE INDEX execution_tags_pkey ON execution_tags (
    execution_project, execution_domain, execution_name, key, value);
ALTER TABLE node_executions ADD COLUMN heap INTEGER NOT NULL DEFAULT 0;
ALTER TABLE task_executions ADD COLUMN heap INTEGER NOT NULL DEFAULT 0;
UPDATE node_executions SET heap=id;
UPDATE task_executions SET heap=id;
ALTER TABLE signals ADD COLUMN execution_project TEXT;
ALTER TABLE signals ADD COLUMN execution_domain TEXT;
ALTER TABLE signals ADD COLUMN execution_name TEXT;
CREATE TABLE attributes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, project TEXT NOT NULL, domain TEXT NOT NULL, workflow TEXT NOT NULL,
    launch_plan TEXT NOT NULL, resource_type TEXT NOT NULL, priority INTEGER NOT NULL, attributes BLOB NOT NULL,
    UNIQUE (project, domain, workflow, launch_plan, resource_type))"""
_PLAN = identifier_pb2.LAUNCH_PLAN


def migrate(connection: sqlite3.Connection) -> None:
    """Brings the tables of an open file up to date, each step whole or not at all.

    Raises:
        sqlite3.NotSupportedError: When a newer flyte-bridge wrote the file; nothing is changed then.
    """
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > len(_STEPS):
        raise sqlite3.NotSupportedError(
            f"a newer flyte-bridge wrote it (schema {found}, this one knows up to {len(_STEPS)})"
        )
    connection.execute("PRAGMA journal_mode=WAL")
    for number, step in enumerate(_STEPS[found:], start=found + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            step(connection)
            connection.execute(f"PRAGMA user_version={number}")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


def _first(connection: sqlite3.Connection) -> None:
    """What there was before steps were counted: the tables are there already, or none is."""
    for statement in _FIRST.split(";"):  # not executescript: it commits
        connection.execute(statement)


def _filtered(connection: sqlite3.Connection) -> None:
    """Columns of node and task executions that flyteadmin filters and sorts on, filled from the records."""
    for table, columns in (("node_executions", _NODE_COLUMNS), ("task_executions", _TASK_COLUMNS)):
        for column in columns.split(";"):
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
    for row in connection.execute("SELECT id, record FROM node_executions").fetchall():
        node = node_execution_pb2.NodeExecution.FromString(row["record"])
        _fill(connection, "node_executions", row["id"], node_columns(node))
    for row in connection.execute("SELECT id, record FROM task_executions").fetchall():
        task = task_execution_pb2.TaskExecution.FromString(row["record"])
        _fill(connection, "task_executions", row["id"], task_columns(task))
    connection.execute(
        "UPDATE node_executions SET parent_id=(SELECT p.id FROM node_executions p"
        " WHERE p.execution=node_executions.execution AND p.node_id=node_executions.parent)"
    )


def _as_admin(connection: sqlite3.Connection) -> None:
    """What flyteadmin keeps besides: archived projects, matchable attributes, tags that are unique, inputs apart from the run."""
    for statement in _ADMIN.split(";"):
        connection.execute(statement)
    for row in connection.execute("SELECT id, record FROM projects").fetchall():
        project = project_pb2.Project.FromString(row["record"])
        connection.execute("UPDATE projects SET name=? WHERE id=?", (project.name, row["id"]))
    for row in connection.execute("SELECT id, record FROM signals").fetchall():
        run = signal_pb2.Signal.FromString(row["record"]).id.execution_id
        columns = {"project": run.project, "domain": run.domain, "name": run.name}
        _fill(connection, "signals", row["id"], {f"execution_{name}": value for name, value in columns.items()})
    for row in connection.execute("SELECT id, record FROM entities WHERE resource_type=?", (_PLAN,)).fetchall():
        schedule = launch_plan_pb2.LaunchPlan.FromString(row["record"]).spec.entity_metadata.schedule
        connection.execute("UPDATE entities SET schedule_type=? WHERE id=?", (schedule_type(schedule), row["id"]))


def _flyte2(connection: sqlite3.Connection) -> None:
    """The tables of Flyte 2."""
    for statement in FLYTE2.split(";"):
        connection.execute(statement)


def _fill(connection: sqlite3.Connection, table: str, row: int, columns: dict[str, object]) -> None:
    assignments = ", ".join(f"{name}=?" for name in columns)
    connection.execute(f"UPDATE {table} SET {assignments} WHERE id=?", (*columns.values(), row))  # noqa: S608


_STEPS: tuple[Callable[[sqlite3.Connection], None], ...] = (_first, _filtered, _as_admin, _flyte2)
