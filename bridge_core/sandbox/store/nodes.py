"""What happened inside executions: node executions, task executions, signals, and the task cache."""

# Statements are put together from constants of this package; values always go in as parameters.
# ruff: noqa: S608

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import node_execution_pb2, signal_pb2, task_execution_pb2
from flyteidl.core import catalog_pb2, compiler_pb2, identifier_pb2, literals_pb2

from ..model.go_text import go_text
from ..model.status import Rejected
from .columns import node_columns, task_columns
from .executions import execution_key, heap, trim_error

if TYPE_CHECKING:
    import sqlite3

    from ..validation.filters import Query
    from .database import Database, Page

__all__ = ["Nodes"]

_TASK_PLACE = "execution, node_id, task, retry_attempt"
_TASK_KEY = "execution=? AND node_id=? AND task=? AND retry_attempt=?"


class Nodes:
    """Node and task executions, signals and cached outputs in the store."""

    def __init__(self, database: Database) -> None:
        self._db = database

    # Node executions.

    def save(self, record: Any, *, parent: str | None, parent_task: int | None = None) -> None:
        """Writes a node execution, new or changed.

        Args:
            record: NodeExecution.
            parent: Unique id of the node above it.
            parent_task: Row of the task execution that made it, as FlyteAdmin's first events had it.
        """
        execution, node_id = _node_key(record.id)
        above = None
        if parent:
            above = self._db.one("SELECT id FROM node_executions WHERE execution=? AND node_id=?", (execution, parent))
        place = {
            "execution": execution,
            "node_id": node_id,
            "parent": parent or "",
            "parent_id": None if above is None else above["id"],
            "parent_task_execution_id": parent_task,
        }
        self._upsert(
            "node_executions",
            "execution, node_id",
            place,
            {**node_columns(record), "heap": heap(), "record": _bytes(record)},
        )

    def save_data(self, identifier: Any, *, inputs: Any = None, outputs: Any = None, dynamic: Any = None) -> None:
        """Writes what is given of a node's inputs, outputs and compiled dynamic workflow."""
        for column, value in (("inputs", inputs), ("outputs", outputs), ("dynamic", dynamic)):
            if value is not None:
                self._db.execute(
                    f"UPDATE node_executions SET {column}=? WHERE execution=? AND node_id=?",
                    (value.SerializeToString(), *_node_key(identifier)),
                )

    def get(self, identifier: Any) -> Any:
        """One node execution, or NOT_FOUND."""
        return node_execution_pb2.NodeExecution.FromString(self.row(identifier)["record"])

    def find(self, execution: Any, node_id: str) -> Any | None:
        """One node execution, or None."""
        row = self._db.one(
            "SELECT record FROM node_executions WHERE execution=? AND node_id=?", (execution_key(execution), node_id)
        )
        return None if row is None else node_execution_pb2.NodeExecution.FromString(row["record"])

    def data(self, identifier: Any) -> tuple[Any, Any, Any]:
        """Inputs, outputs (empty maps when there are none) and the dynamic workflow (or None) of a node."""
        row = self.row(identifier)
        dynamic = row["dynamic"]
        return (
            _literals(row["inputs"]),
            _literals(row["outputs"]),
            None if dynamic is None else compiler_pb2.CompiledWorkflowClosure.FromString(dynamic),
        )

    def page(self, execution: Any, query: Query) -> tuple[list[Any], Page]:
        """One page of nodes of an execution, with trimmed errors."""
        query.require("node_executions.execution=?", execution_key(execution))
        page = self._db.page(query, ["record"])
        nodes = [node_execution_pb2.NodeExecution.FromString(row["record"]) for row in page.rows]
        for node in nodes:
            trim_error(node.closure)
        return nodes, page

    def all_of(self, execution: Any) -> list[Any]:
        """Every node of an execution, at any depth, in the order they began."""
        rows = self._db.all(
            "SELECT record FROM node_executions WHERE execution=? ORDER BY id", (execution_key(execution),)
        )
        return [node_execution_pb2.NodeExecution.FromString(row["record"]) for row in rows]

    def parents_of(self, execution: Any) -> dict[str, str]:
        """The unique id of each node's parent; empty at the top."""
        rows = self._db.all(
            "SELECT node_id, parent FROM node_executions WHERE execution=?", (execution_key(execution),)
        )
        return {row["node_id"]: row["parent"] for row in rows}

    def tree_of(self, execution: Any) -> list[tuple[str, Any]]:
        """(unique id of the parent or the empty text, node) of every node of an execution, in the order they began."""
        rows = self._db.all(
            "SELECT parent, record FROM node_executions WHERE execution=? ORDER BY id", (execution_key(execution),)
        )
        return [(row["parent"], node_execution_pb2.NodeExecution.FromString(row["record"])) for row in rows]

    def task_names(self, execution: Any) -> dict[str, str]:
        """Node id to the name of its task, of all nodes of an execution that had an attempt."""
        rows = self._db.all("SELECT node_id, task FROM task_executions WHERE execution=?", (execution_key(execution),))
        return {row["node_id"]: row["task"] for row in rows}

    def row(self, identifier: Any) -> sqlite3.Row:
        """The row of a node execution, or NOT_FOUND."""
        row = self._db.one("SELECT * FROM node_executions WHERE execution=? AND node_id=?", _node_key(identifier))
        if row is None:
            text = f"missing entity of type node execution with identifier {go_text(identifier)}"
            raise Rejected("NOT_FOUND", text)
        return row

    # Task executions.

    def save_task(
        self,
        record: Any,
        *,
        inputs: Any = None,
        outputs: Any = None,
        log_path: str | None = None,
        phase_version: int | None = None,
    ) -> None:
        """Writes a task execution, new or changed, and what is given besides."""
        key = _task_key(record.id)
        place = dict(zip(_TASK_PLACE.split(", "), key, strict=True))
        self._upsert(
            "task_executions", _TASK_PLACE, place, {**task_columns(record), "heap": heap(), "record": _bytes(record)}
        )
        for column, value in (
            ("inputs", None if inputs is None else inputs.SerializeToString()),
            ("outputs", None if outputs is None else outputs.SerializeToString()),
            ("log_path", log_path),
            ("phase_version", phase_version),
        ):
            if value is not None:
                self._db.execute(f"UPDATE task_executions SET {column}=? WHERE {_TASK_KEY}", (value, *key))

    def get_task(self, identifier: Any) -> Any:
        """One task execution, or NOT_FOUND."""
        return task_execution_pb2.TaskExecution.FromString(self.task_row(identifier)["record"])

    def task_data(self, identifier: Any) -> tuple[Any, Any]:
        """Inputs and outputs of a task execution."""
        row = self.task_row(identifier)
        return _literals(row["inputs"]), _literals(row["outputs"])

    def list_tasks(self, node: Any, query: Query) -> tuple[list[Any], Page]:
        """One page of the attempts of a node."""
        query.require("task_executions.execution=? AND task_executions.node_id=?", *_node_key(node))
        page = self._db.page(query, ["record"])
        return [task_execution_pb2.TaskExecution.FromString(row["record"]) for row in page.rows], page

    def attempts_of(self, node: Any) -> list[Any]:
        """Every attempt of a node, oldest first."""
        rows = self._db.all(
            "SELECT record FROM task_executions WHERE execution=? AND node_id=? ORDER BY id", _node_key(node)
        )
        return [task_execution_pb2.TaskExecution.FromString(row["record"]) for row in rows]

    def logs_of(self, execution: Any) -> list[tuple[str, int, str, str]]:
        """(node id, attempt, phase, path of the log) of every attempt of an execution that has a log."""
        rows = self._db.all(
            "SELECT * FROM task_executions WHERE execution=? AND log_path<>'' ORDER BY id", (execution_key(execution),)
        )
        return [(row["node_id"], row["retry_attempt"], row["phase"], row["log_path"]) for row in rows]

    def find_task(self, identifier: Any) -> Any | None:
        """One task execution, or None."""
        row = self._db.one(f"SELECT record FROM task_executions WHERE {_TASK_KEY}", _task_key(identifier))
        return None if row is None else task_execution_pb2.TaskExecution.FromString(row["record"])

    def task_row(self, identifier: Any) -> sqlite3.Row:
        """The row of a task execution, or NOT_FOUND."""
        row = self._db.one(f"SELECT * FROM task_executions WHERE {_TASK_KEY}", _task_key(identifier))
        if row is None:
            asked = identifier_pb2.TaskExecutionIdentifier()
            asked.CopyFrom(identifier)
            asked.task_id.ClearField("resource_type")
            asked.ClearField("retry_attempt")
            raise Rejected("NOT_FOUND", f"missing entity of type task execution with identifier {go_text(asked)}")
        return row

    # Signals.

    def find_signal(self, identifier: Any) -> Any | None:
        """One signal, or None before its gate was reached."""
        row = self._db.one(
            "SELECT record FROM signals WHERE execution=? AND signal_id=?",
            (execution_key(identifier.execution_id), identifier.signal_id),
        )
        return None if row is None else signal_pb2.Signal.FromString(row["record"])

    def save_signal(self, record: Any) -> None:
        """Writes a signal, new or set."""
        run = record.id.execution_id
        self._upsert(
            "signals",
            "execution, signal_id",
            {
                "execution": execution_key(run),
                "signal_id": record.id.signal_id,
                "execution_project": run.project,
                "execution_domain": run.domain,
                "execution_name": run.name,
            },
            {"record": record.SerializeToString()},
        )

    def page_of_signals(self, execution: Any, query: Query) -> tuple[list[Any], Page]:
        """One page of the signals of an execution."""
        query.require("signals.execution=?", execution_key(execution))
        page = self._db.page(query, ["record"])
        return [signal_pb2.Signal.FromString(row["record"]) for row in page.rows], page

    def _upsert(self, table: str, unique: str, place: dict[str, Any], values: dict[str, Any]) -> None:
        """Writes a row; one that is there keeps its place."""
        row = {**place, **values}
        changes = ", ".join(f"{name}=excluded.{name}" for name in values)
        self._db.execute(
            f"INSERT INTO {table} ({', '.join(row)}) VALUES ({','.join('?' * len(row))})"
            f" ON CONFLICT ({unique}) DO UPDATE SET {changes}",
            list(row.values()),
        )

    # Cache.

    def cached(self, key: str) -> tuple[Any, Any] | None:
        """Outputs and catalog metadata stored under a cache key, or None."""
        row = self._db.one("SELECT outputs, source FROM cached_outputs WHERE key=?", (key,))
        if row is None:
            return None
        return _literals(row["outputs"]), catalog_pb2.CatalogMetadata.FromString(row["source"])

    def cache(self, key: str, outputs: Any, source: Any) -> None:
        """Stores outputs under a cache key."""
        self._db.execute(
            "INSERT OR REPLACE INTO cached_outputs VALUES (?,?,?)",
            (key, outputs.SerializeToString(), source.SerializeToString()),
        )


def _node_key(identifier: Any) -> tuple[str, str]:
    return execution_key(identifier.execution_id), identifier.node_id


def _task_key(identifier: Any) -> tuple[str, str, str, int]:
    return *_node_key(identifier.node_execution_id), identifier.task_id.name, identifier.retry_attempt


def _bytes(record: Any) -> bytes:
    data: bytes = record.SerializeToString()
    return data


def _literals(data: bytes | None) -> Any:
    return literals_pb2.LiteralMap() if data is None else literals_pb2.LiteralMap.FromString(data)
