"""Executions: the record clients get, the columns they filter on, the inputs and outputs beside it.

Inputs have their own columns because FlyteAdmin stores them apart and earlier than the record: a refused duplicate still
overwrites them (`overwrite_inputs`).
"""

# Statements are put together from constants of this package; values always go in as parameters.
# ruff: noqa: S608

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from flyteidl.admin import execution_pb2
from flyteidl.core import execution_pb2 as core_execution_pb2
from flyteidl.core import literals_pb2

from ..model.ids import enum_name, kind_name
from ..model.status import Rejected
from ..model.times import now, seconds_between, to_text

if TYPE_CHECKING:
    from ..validation.filters import Query
    from .database import Database, Page

__all__ = ["TERMINAL", "Executions", "execution_key", "trim_error"]

_Phase = core_execution_pb2.WorkflowExecution
TERMINAL = frozenset({_Phase.SUCCEEDED, _Phase.FAILED, _Phase.ABORTED, _Phase.TIMED_OUT})
"""Phases that never change again."""

_KEY = "execution_project=? AND execution_domain=? AND execution_name=?"
_ERROR_LIMIT = 100  # flyteadmin transformers/execution.go: trimmedErrMessageLen
_GOING = tuple(_Phase.Phase.Name(phase) for phase in (_Phase.UNDEFINED, _Phase.QUEUED, _Phase.RUNNING))
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

    def add(
        self,
        execution: Any,
        *,
        inputs: Any,
        user_inputs: Any,
        launch_plan_row: int | None,
        workflow_row: int | None,
        task_row: int | None,
    ) -> None:
        """Stores a new execution.

        Raises:
            Rejected: ALREADY_EXISTS, in the words of flyteadmin's ``repositories/errors/postgres.go``.
        """
        stamp = to_text(execution.closure.created_at)
        identifier = execution.id
        kind = kind_name(execution.spec.launch_plan.resource_type)
        try:
            self._db.execute(
                "INSERT INTO executions (created_at, updated_at, execution_created_at, execution_updated_at,"
                " execution_project, execution_domain, execution_name, launch_plan_id, workflow_id, task_id, phase, mode,"
                " user, launch_entity, spec, closure, inputs, user_inputs) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                (
                    stamp,
                    stamp,
                    stamp,
                    stamp,
                    *_key(identifier),
                    launch_plan_row,
                    workflow_row,
                    task_row,
                    _Phase.Phase.Name(execution.closure.phase),
                    execution.spec.metadata.mode,
                    execution.spec.metadata.principal,
                    kind,
                    execution.spec.SerializeToString(),
                    execution.closure.SerializeToString(),
                    inputs.SerializeToString(),
                    user_inputs.SerializeToString(),
                ),
            )
        except sqlite3.IntegrityError:
            raise Rejected(
                "ALREADY_EXISTS",
                'value with matching already exists (duplicate key value violates unique constraint "executions_pkey")',
            ) from None
        labels = execution.spec.labels.values
        if kind != "TASK" and labels:  # single-task executions lose them here, as in flyteadmin
            for key, value in labels.items():
                self._db.execute("INSERT INTO execution_tags VALUES (?,?,?,?,?)", (*_key(identifier), key, value))

    def overwrite_inputs(self, identifier: Any, inputs: Any, user_inputs: Any) -> bool:
        """What a CreateExecution does before it finds its name taken. True when there was such an execution.

        flyteadmin writes ``metadata/<project>/<domain>/<name>/inputs`` (execution_manager.go:966) long before the insert
        that fails, so the stored inputs of a running or finished execution change under it.
        """
        cursor = self._db.execute(
            f"UPDATE executions SET inputs=?, user_inputs=? WHERE {_KEY}",
            (inputs.SerializeToString(), user_inputs.SerializeToString(), *_key(identifier)),
        )
        return cursor.rowcount > 0

    def find(self, identifier: Any) -> Any | None:
        """The execution, or None."""
        row = self._db.one(f"SELECT * FROM executions WHERE {_KEY}", _key(identifier))
        return None if row is None else _execution(row)

    def get(self, identifier: Any) -> Any:
        """The execution.

        Raises:
            Rejected: NOT_FOUND.
        """
        execution = self.find(identifier)
        if execution is None:
            raise _missing(identifier)
        return execution

    def save(self, execution: Any, *, outputs: Any = None) -> None:
        """Writes a changed closure, and outputs with it: a client that sees SUCCEEDED must find them."""
        closure = execution.closure
        closure.updated_at.CopyFrom(now())
        if closure.started_at.seconds:
            closure.duration.FromNanoseconds(int(seconds_between(closure.started_at, closure.updated_at) * 1e9))
        has_error = closure.WhichOneof("output_result") == "error"
        with self._db.transaction():
            self._db.execute(
                "UPDATE executions SET closure=?, phase=?, started_at=?, updated_at=?, execution_updated_at=?, duration=?,"
                f" abort_cause=?, error_kind=?, error_code=? WHERE {_KEY}",
                (
                    closure.SerializeToString(),
                    _Phase.Phase.Name(closure.phase),
                    to_text(closure.started_at) or None,
                    to_text(closure.updated_at),
                    to_text(closure.updated_at),
                    closure.duration.ToNanoseconds() / 1e9,
                    closure.abort_metadata.cause,
                    enum_name(core_execution_pb2.ExecutionError.ErrorKind, closure.error.kind) if has_error else None,
                    closure.error.code if has_error else None,
                    *_key(execution.id),
                ),
            )
            if outputs is not None:
                self._db.execute(
                    f"UPDATE executions SET outputs=? WHERE {_KEY}",
                    (outputs.SerializeToString(), *_key(execution.id)),
                )

    def set_archived(self, identifier: Any, archived: bool) -> None:
        """Hides an execution from lists, or shows it again."""
        with self._db.transaction():
            execution = self.get(identifier)
            change = execution.closure.state_change_details
            change.state = _ARCHIVED if archived else execution_pb2.EXECUTION_ACTIVE
            change.occurred_at.CopyFrom(now())
            self._db.execute(
                f"UPDATE executions SET state=?, closure=? WHERE {_KEY}",
                (change.state, execution.closure.SerializeToString(), *_key(identifier)),
            )

    def data(self, identifier: Any) -> tuple[Any, Any]:
        """Inputs and outputs; outputs are None until the run succeeded."""
        row = self._data_row(identifier)
        outputs = None if row["outputs"] is None else literals_pb2.LiteralMap.FromString(row["outputs"])
        return literals_pb2.LiteralMap.FromString(row["inputs"]), outputs

    def user_inputs(self, identifier: Any) -> Any:
        """The inputs as the caller sent them, without defaults and fixed ones: what a relaunch uses."""
        return literals_pb2.LiteralMap.FromString(self._data_row(identifier)["user_inputs"])

    def page(self, query: Query, *, whole: bool = False) -> tuple[list[Any], Page]:
        """One page, trimmed as flyteadmin trims lists (transformers/execution.go:26,471), or with whole errors."""
        if "state" not in query.fields:
            query.require("state=?", execution_pb2.EXECUTION_ACTIVE)
        columns = "execution_project, execution_domain, execution_name, spec, closure"
        page = query.page(self._db, f"SELECT {columns} FROM executions", "1", [])
        executions = [_execution(row) for row in page.rows]
        for execution in executions:
            execution.closure.ClearField("computed_inputs")
            execution.spec.ClearField("inputs")
            if not whole:
                trim_error(execution.closure)
        return executions, page

    def going_of_launch_plan(self, plan: Any) -> int:
        """How many executions of a launch plan, in any version, are going: what a concurrency policy counts.

        One that has just been created counts, too. FlyteAdmin leaves it out until propeller has seen it, here for milliseconds.
        """
        row = self._db.one(
            "SELECT count(*) AS n FROM executions e JOIN entities p ON p.id=e.launch_plan_id WHERE e.execution_project=?"
            " AND e.execution_domain=? AND p.name=? AND e.phase IN (?,?,?)",
            (plan.project, plan.domain, plan.name, *_GOING),
        )
        return 0 if row is None else int(row["n"])

    def unfinished(self) -> list[Any]:
        """Executions that have not ended."""
        names = [_Phase.Phase.Name(phase) for phase in TERMINAL]
        return [
            _execution(row)
            for row in self._db.all("SELECT * FROM executions WHERE phase NOT IN (?,?,?,?) ORDER BY id", names)
        ]

    def _data_row(self, identifier: Any) -> sqlite3.Row:
        row = self._db.one(f"SELECT inputs, user_inputs, outputs FROM executions WHERE {_KEY}", _key(identifier))
        if row is None:
            raise _missing(identifier)
        return row


def _execution(row: sqlite3.Row) -> Any:
    execution = execution_pb2.Execution()
    execution.id.project = row["execution_project"]
    execution.id.domain = row["execution_domain"]
    execution.id.name = row["execution_name"]
    execution.spec.ParseFromString(row["spec"])
    execution.closure.ParseFromString(row["closure"])
    return execution


def _key(identifier: Any) -> tuple[str, str, str]:
    return identifier.project, identifier.domain, identifier.name


def _missing(identifier: Any) -> Rejected:
    return Rejected(
        "NOT_FOUND",
        f'missing entity of type execution with identifier project:"{identifier.project}" domain:"{identifier.domain}" '
        f'name:"{identifier.name}"',
    )
