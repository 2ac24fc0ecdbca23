"""Executions: the record clients get, the columns they filter on, the inputs and outputs beside it.

Inputs have their own columns because FlyteAdmin stores them apart and earlier than the record: a refused duplicate still
overwrites them (`write_inputs`).
"""

# Statements are put together from constants of this package; values always go in as parameters.
# ruff: noqa: S608

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING, Any

from flyteidl.admin import execution_pb2
from flyteidl.core import execution_pb2 as core_execution_pb2
from flyteidl.core import literals_pb2

from ..model.go_text import go_text
from ..model.ids import enum_name, kind_name
from ..model.status import Rejected
from ..model.times import now, seconds_between, to_text

if TYPE_CHECKING:
    from ..validation.filters import Query
    from .database import Database, Page

__all__ = ["TERMINAL", "Executions", "execution_key", "heap", "known", "trim_error"]

_Phase = core_execution_pb2.WorkflowExecution
TERMINAL = frozenset({_Phase.SUCCEEDED, _Phase.FAILED, _Phase.ABORTED, _Phase.TIMED_OUT})
"""Phases that never change again."""

_KEY_COLUMNS = ("execution_project", "execution_domain", "execution_name")
_KEY = " AND ".join(f"{column}=?" for column in _KEY_COLUMNS)
_ERROR_LIMIT = 100  # flyteadmin transformers/execution.go: trimmedErrMessageLen
_GOING = tuple(_Phase.Phase.Name(phase) for phase in (_Phase.QUEUED, _Phase.RUNNING))
_ARCHIVED = execution_pb2.EXECUTION_ARCHIVED


def execution_key(identifier: Any) -> str:
    """The key of an execution in the tables of its nodes, tasks and signals."""
    return f"{identifier.project}/{identifier.domain}/{identifier.name}"


def trim_error(closure: Any) -> None:
    """Cuts the error of a run or node that goes into a list (``transformers/execution.go``: TrimErrorMessage)."""
    if closure.WhichOneof("output_result") == "error":
        closure.error.message = closure.error.message.encode()[:_ERROR_LIMIT].decode(errors="ignore")


class Executions:
    """Executions in the store."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add_tags(self, identifier: Any, spec: Any) -> None:
        """Stores labels and tags of an execution that is about to be created, first and on its own as flyteadmin does.

        Raises:
            Rejected: ALREADY_EXISTS, one of them is there already; then none is stored.
        """
        pairs = [*spec.labels.values.items(), *((tag, "") for tag in spec.tags)]
        try:
            with self._db.transaction():
                for key, value in pairs:
                    self._db.execute("INSERT INTO execution_tags VALUES (?,?,?,?,?)", (*_key(identifier), key, value))
        except sqlite3.IntegrityError:
            raise known("execution_tags_pkey") from None

    def add(
        self,
        execution: Any,
        *,
        merged: Any,
        launch_plan_row: int | None,
        workflow_row: int | None,
        task_row: int | None,
        source_row: int = 0,
        parent_row: int = 0,
    ) -> None:
        """Stores a new execution.

        Args:
            execution: As clients see it.
            merged: ExecutionSpec with what its launch plan and the attributes of its project add: what the engine goes by.
            launch_plan_row: Row of its launch plan.
            workflow_row: Row of its workflow.
            task_row: Row of its task, when it was launched as one.
            source_row: Row of the execution that it relaunches, recovers, or is a child of.
            parent_row: Row of the node that launched it.

        Raises:
            Rejected: ALREADY_EXISTS, in the words of flyteadmin's ``repositories/errors/postgres.go``.
        """
        stamp = to_text(execution.closure.created_at)
        closure = execution.closure
        row: dict[str, Any] = {
            **dict.fromkeys(("created_at", "updated_at", "execution_created_at", "execution_updated_at"), stamp),
            **dict(zip(_KEY_COLUMNS, _key(execution.id), strict=True)),
            "launch_plan_id": launch_plan_row or 0,
            "workflow_id": workflow_row or 0,
            "task_id": task_row or 0,
            "phase": enum_name(_Phase.Phase, closure.phase),
            "mode": execution.spec.metadata.mode,
            "user": execution.spec.metadata.principal,
            "launch_entity": kind_name(execution.spec.launch_plan.resource_type).lower(),
            "source_execution_id": source_row,
            "parent_node_execution_id": parent_row,
            "spec": execution.spec.SerializeToString(),
            "closure": closure.SerializeToString(),
            "merged": merged.SerializeToString(),
            "heap": heap(),
            **_error_columns(closure),
        }
        try:
            self._db.execute(
                f"INSERT INTO executions ({', '.join(row)}) VALUES ({','.join('?' * len(row))})", list(row.values())
            )
        except sqlite3.IntegrityError:
            raise known("executions_pkey") from None

    def write_inputs(self, identifier: Any, inputs: Any, user_inputs: Any) -> None:
        """What a CreateExecution does before it finds its name taken.

        flyteadmin writes ``metadata/<project>/<domain>/<name>/inputs`` (execution_manager.go:966) long before the insert
        that fails, so the stored inputs of a running or finished execution change under it.
        """
        self._db.execute(
            "INSERT OR REPLACE INTO execution_inputs VALUES (?,?,?,?,?)",
            (*_key(identifier), inputs.SerializeToString(), user_inputs.SerializeToString()),
        )

    def find(self, identifier: Any) -> Any | None:
        """The execution, or None."""
        row = self._row(identifier)
        return None if row is None else _execution(row)

    def get(self, identifier: Any) -> Any:
        """The execution.

        Raises:
            Rejected: NOT_FOUND.
        """
        return _execution(self.row(identifier))

    def row(self, identifier: Any) -> sqlite3.Row:
        """The row of an execution, or NOT_FOUND."""
        row = self._row(identifier)
        if row is None:
            raise _missing(identifier)
        return row

    def save(self, execution: Any, *, outputs: Any = None, at: Any = None) -> None:
        """Writes what became of an execution, and outputs with it: a client that sees SUCCEEDED must find them.

        Args:
            execution: With its changed closure.
            outputs: LiteralMap.
            at: When it happened; None for now. A duration there is at the end only.
        """
        closure = execution.closure
        closure.updated_at.CopyFrom(now() if at is None else at)
        if closure.phase in TERMINAL and closure.HasField("started_at"):
            closure.duration.FromNanoseconds(int(seconds_between(closure.started_at, closure.updated_at) * 1e9))
        self._write(execution)
        if outputs is not None:
            self._db.execute(
                f"UPDATE executions SET outputs=? WHERE {_KEY}", (outputs.SerializeToString(), *_key(execution.id))
            )

    def assign_cluster(self, execution: Any) -> None:
        """Writes which cluster runs an execution."""
        self._db.execute(
            f"UPDATE executions SET spec=?, cluster=? WHERE {_KEY}",
            (
                execution.spec.SerializeToString(),
                execution.spec.metadata.system_metadata.execution_cluster,
                *_key(execution.id),
            ),
        )

    def set_aborting(self, execution: Any, cause: str) -> None:
        """Somebody wants it stopped. Its times stay as they are (``transformers/execution.go``: SetExecutionAborting)."""
        execution.closure.phase = _Phase.ABORTING
        execution.closure.abort_metadata.SetInParent()
        execution.closure.abort_metadata.cause = cause
        self._write(execution, abort_cause=cause)

    def _write(self, execution: Any, **more: Any) -> None:
        closure = execution.closure
        updated = to_text(closure.updated_at)
        row = {
            "closure": closure.SerializeToString(),
            "phase": enum_name(_Phase.Phase, closure.phase),
            "started_at": to_text(closure.started_at) or None,
            "updated_at": to_text(now()),
            "execution_updated_at": updated,
            "duration": closure.duration.ToNanoseconds() / 1e9,
            "heap": heap(),
            **_error_columns(closure),
            **more,
        }
        changes = ", ".join(f"{name}=?" for name in row)
        self._db.execute(f"UPDATE executions SET {changes} WHERE {_KEY}", (*row.values(), *_key(execution.id)))

    def set_archived(self, identifier: Any, archived: bool) -> None:
        """Hides an execution from lists, or shows it again."""
        with self._db.transaction():
            execution = self.get(identifier)
            change = execution.closure.state_change_details
            change.state = _ARCHIVED if archived else execution_pb2.EXECUTION_ACTIVE
            change.occurred_at.CopyFrom(now())
            self._write(execution, state=change.state)

    def data(self, identifier: Any) -> tuple[Any, Any]:
        """Inputs and outputs; outputs are None until the run succeeded."""
        outputs = self.row(identifier)["outputs"]
        inputs = self._inputs_row(identifier)
        return (
            literals_pb2.LiteralMap() if inputs is None else literals_pb2.LiteralMap.FromString(inputs["inputs"]),
            None if outputs is None else literals_pb2.LiteralMap.FromString(outputs),
        )

    def user_inputs(self, identifier: Any) -> Any:
        """The inputs as the caller sent them, without defaults and fixed ones: what a relaunch uses."""
        row = self._inputs_row(identifier)
        return literals_pb2.LiteralMap() if row is None else literals_pb2.LiteralMap.FromString(row["user_inputs"])

    def page(self, query: Query, *, whole: bool = False) -> tuple[list[Any], Page]:
        """One page, trimmed as flyteadmin trims lists (transformers/execution.go:26,471), or with whole errors."""
        if "state" not in query.fields:
            query.require("executions.state=?", execution_pb2.EXECUTION_ACTIVE)
        page = self._db.page(query, (*_KEY_COLUMNS, "spec", "closure", "phase", "abort_cause"))
        executions = [_execution(row) for row in page.rows]
        for execution in executions:
            execution.closure.ClearField("computed_inputs")
            execution.spec.ClearField("inputs")
            if not whole:
                trim_error(execution.closure)
        return executions, page

    def going_of_launch_plan(self, plan: Any) -> int:
        """How many executions of a launch plan, in any version, are going: what a concurrency policy counts.

        One that propeller has not seen yet is UNDEFINED and does not count: a burst passes (execution_manager.go).
        """
        row = self._db.one(
            "SELECT count(*) AS n FROM executions e JOIN entities p ON p.id=e.launch_plan_id WHERE e.execution_project=?"
            " AND e.execution_domain=? AND p.name=? AND e.phase IN (?,?)",
            (plan.project, plan.domain, plan.name, *_GOING),
        )
        return 0 if row is None else int(row["n"])

    def unfinished(self) -> list[Any]:
        """Executions that have not ended, with the specification that the engine goes by."""
        names = [_Phase.Phase.Name(phase) for phase in TERMINAL]
        return [
            _execution(row, spec="merged")
            for row in self._db.all("SELECT * FROM executions WHERE phase NOT IN (?,?,?,?) ORDER BY id", names)
        ]

    def _row(self, identifier: Any) -> sqlite3.Row | None:
        return self._db.one(f"SELECT * FROM executions WHERE {_KEY}", _key(identifier))

    def _inputs_row(self, identifier: Any) -> sqlite3.Row | None:
        return self._db.one(f"SELECT * FROM execution_inputs WHERE {_KEY}", _key(identifier))


def known(constraint: str) -> Rejected:
    """ALREADY_EXISTS, as PostgreSQL says it."""
    text = f'duplicate key value violates unique constraint "{constraint}"'
    return Rejected("ALREADY_EXISTS", f"value with matching already exists ({text})")


def heap() -> int:
    """Where a row that is written now lies: behind all others."""
    return time.time_ns()


def _error_columns(closure: Any) -> dict[str, str]:
    """Columns that an error leaves, also when the closure loses it later; none without one."""
    if closure.WhichOneof("output_result") != "error":
        return {}
    kind = enum_name(core_execution_pb2.ExecutionError.ErrorKind, closure.error.kind)
    return {"error_kind": kind, "error_code": closure.error.code}


def _execution(row: sqlite3.Row, spec: str = "spec") -> Any:
    execution = execution_pb2.Execution()
    execution.id.project = row["execution_project"]
    execution.id.domain = row["execution_domain"]
    execution.id.name = row["execution_name"]
    execution.spec.ParseFromString(row[spec])
    execution.closure.ParseFromString(row["closure"])
    if row["phase"] == "ABORTED" and not execution.closure.HasField("abort_metadata"):
        execution.closure.abort_metadata.cause = row["abort_cause"]  # told instead of the error that the event brought
    return execution


def _key(identifier: Any) -> tuple[str, str, str]:
    return identifier.project, identifier.domain, identifier.name


def _missing(identifier: Any) -> Rejected:
    return Rejected("NOT_FOUND", f"missing entity of type execution with identifier {go_text(identifier)}")
