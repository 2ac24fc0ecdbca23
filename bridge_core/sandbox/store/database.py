"""The SQLite file: schema, one connection, transactions.

One connection behind one lock: SQLite writes one at a time anyway, all statements here take microseconds, and a test
that kills the server finds a consistent file (WAL).
"""

# Statements are put together from constants of this package; values always go in as parameters.

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["Database", "Page"]

_SCHEMA = """
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


class Page:
    """One page of rows and the token of the next one (decimal offset; flyteadmin ``validation.go``).

    A next token is given iff the page is full, so an empty last page is normal (``execution_manager.go:1776``).
    """

    def __init__(self, rows: list[sqlite3.Row], offset: int, limit: int) -> None:
        self.rows = rows
        self.token = str(offset + limit) if len(rows) == limit else ""


class Database:
    """An open store. Usable from any thread; `transaction` nests."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.execute("PRAGMA case_sensitive_like=ON")  # as in Postgres
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, and nobody else in between: also the lock for read-modify-write."""
        with self._lock:
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._connection.execute("COMMIT")

    def execute(self, statement: str, arguments: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Runs one statement."""
        with self._lock:
            return self._connection.execute(statement, arguments)

    def one(self, statement: str, arguments: Sequence[Any] = ()) -> sqlite3.Row | None:
        """The first row, or None."""
        with self._lock:
            row: sqlite3.Row | None = self._connection.execute(statement, arguments).fetchone()
            return row

    def all(self, statement: str, arguments: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """All rows."""
        with self._lock:
            return self._connection.execute(statement, arguments).fetchall()

    def page(self, statement: str, arguments: Sequence[Any], *, order: str, limit: int, offset: int) -> Page:
        """One page of a SELECT without ORDER BY and LIMIT."""
        rows = self.all(f"{statement} ORDER BY {order} LIMIT ? OFFSET ?", [*arguments, limit, offset])
        return Page(rows, offset, limit)
