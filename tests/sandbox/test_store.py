"""The SQLite file over versions: an older one is brought up to date, a newer one refused, and none left open."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest
from flyteidl.admin import common_pb2, node_execution_pb2

from bridge_core.sandbox import Sandbox
from bridge_core.sandbox.start.claim import DirectoryUnusable
from bridge_core.sandbox.store.database import Database

from .protos import PHASE, echo_workflow, gate_workflow, literals
from .test_executions import release

FIRST = {
    "projects": "id record",
    "entities": "id resource_type project domain name version state created_at updated_at workflow_id type digest record",
    "signals": "id execution signal_id record",
    "node_executions": "id execution node_id parent phase created_at record inputs outputs dynamic",
    "task_executions": "id execution node_id task retry_attempt phase created_at record inputs outputs log_path",
}
"""The columns there were before the tables had a version."""


@contextlib.contextmanager
def opened(path):
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def columns(connection, table):
    return {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}


def make_old(path):
    with opened(path) as connection:
        for table, kept in FIRST.items():
            for column in columns(connection, table) - set(kept.split()):
                connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        where = "WHERE i.execution_name=executions.execution_name"
        for column in ("inputs", "user_inputs"):  # they were in the table of the runs
            connection.execute(f"ALTER TABLE executions ADD COLUMN {column} BLOB NOT NULL DEFAULT x''")
            connection.execute(f"UPDATE executions SET {column}=(SELECT {column} FROM execution_inputs i {where})")
        for column in ("heap", "merged"):
            connection.execute(f"ALTER TABLE executions DROP COLUMN {column}")
        connection.execute("DROP TABLE execution_inputs")
        connection.execute("DROP INDEX execution_tags_pkey")
        connection.execute("DROP TABLE attributes")
        newer = "SELECT name FROM sqlite_master WHERE type='table' AND name LIKE 'flyte2_%'"
        for (table,) in connection.execute(newer).fetchall():
            connection.execute(f"DROP TABLE {table}")
        connection.execute("PRAGMA user_version=0")


def test_a_folder_of_the_previous_schema_keeps_its_runs(fresh, connect):
    sandbox = fresh()
    wire = connect(sandbox)
    done = wire.run(echo_workflow(wire), literals(n=7)).id
    held = wire.launch(gate_workflow(wire), inputs=literals(n=1))
    wire.wait(held, phases={PHASE.RUNNING})
    request = node_execution_pb2.NodeExecutionListRequest(workflow_execution_id=done, limit=10)
    before = wire.admin.ListNodeExecutions(request)
    sandbox.stop()
    make_old(sandbox._data_dir / "sandbox.sqlite")

    wire = connect(fresh())
    assert wire.get(done).closure.phase == PHASE.SUCCEEDED
    assert wire.outputs(done) == {"o0": 7}
    assert wire.admin.ListNodeExecutions(request) == before
    request.filters = f"eq(execution_name,{done.name})+gt(started_at,2020-01-01T00:00:00Z)+lt(duration,1h)"
    request.sort_by.CopyFrom(common_pb2.Sort(key="node_execution_created_at", direction=common_pb2.Sort.ASCENDING))
    started = [node for node in before.node_executions if node.closure.HasField("started_at")]
    assert list(wire.admin.ListNodeExecutions(request).node_executions) == started
    release(wire, held)
    assert wire.wait(held).closure.phase == PHASE.SUCCEEDED


def test_old_records_fill_the_new_columns_as_new_ones_do(fresh, connect):
    sandbox = fresh()
    wire = connect(sandbox)
    wire.run(echo_workflow(wire), literals(n=7))
    sandbox.stop()
    path = sandbox._data_dir / "sandbox.sqlite"

    def rows():
        with opened(path) as connection:
            connection.row_factory = sqlite3.Row
            return {
                table: [
                    {**dict(row), "heap": None}  # where it lies
                    for row in connection.execute(f"SELECT *, NULL AS heap FROM {table} ORDER BY id")
                ]
                for table in ("node_executions", "task_executions")
            }

    before = rows()
    assert all(before.values())
    make_old(path)
    assert "duration" not in rows()["node_executions"][0]
    Database(path).close()
    assert rows() == before


def test_a_folder_of_a_newer_version_is_refused_in_one_line(fresh):
    sandbox = fresh()
    sandbox.stop()
    path = sandbox._data_dir / "sandbox.sqlite"
    with opened(path) as connection:
        connection.execute("PRAGMA user_version=999")
    before = path.read_bytes()
    with pytest.raises(DirectoryUnusable, match="newer flyte-bridge wrote it") as caught:
        fresh()
    assert str(sandbox._data_dir) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before


@pytest.fixture
def connections(monkeypatch):
    """Every connection that is opened."""
    made, connect = [], sqlite3.connect

    def recorded(*arguments, **options):
        made.append(connect(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(sqlite3, "connect", recorded)
    return made


def check_closed(connections):
    (connection,) = connections
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_a_file_that_cannot_be_read_is_not_left_open(tmp_path, connections):
    path = tmp_path / "sandbox.sqlite"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        Database(path)
    check_closed(connections)


def test_a_sandbox_that_cannot_start_leaves_no_file_open(connections):
    with pytest.raises(ValueError, match="catch_up"):  # found by the engine, when the store is open
        Sandbox(catch_up=0).start()
    check_closed(connections)
