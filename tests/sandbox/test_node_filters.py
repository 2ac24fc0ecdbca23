"""Filters and sorts on node and task executions: flyteadmin's columns, and the tables it joins."""

from __future__ import annotations

import pytest
from flyteidl.admin import common_pb2, node_execution_pb2, task_execution_pb2
from flyteidl.core import errors_pb2, execution_pb2

from .protos import INTEGER, add_node, literals, new_workflow, rejected, shell_task, unique, workflow_id
from .test_processes import write_message

ASCENDING, DESCENDING = common_pb2.Sort.ASCENDING, common_pb2.Sort.DESCENDING


@pytest.fixture(scope="module")
def run(wire, tmp_path_factory):
    """A run whose n0 succeeds and holds a workflow, and whose n1 fails after it in its second attempt."""
    name = unique("wf")
    good = shell_task(f"{name}.good", "true")
    document = errors_pb2.ErrorDocument()
    document.error.code, document.error.kind = "USER:Bad", errors_pb2.ContainerError.RECOVERABLE
    document.error.origin = execution_pb2.ExecutionError.USER
    error = write_message(tmp_path_factory.mktemp("filters"), document)
    bad = shell_task(f"{name}.bad", f"cp {error} {{{{.outputPrefix}}}}/error.pb", retries=1)
    inner = new_workflow(f"{name}.inner")
    add_node(inner, "in", good)
    template = new_workflow(name, {"n": INTEGER})
    add_node(template, "n0", workflow_id(inner.id.name))
    add_node(template, "n1", bad, after=["n0"])
    target = wire.register(template, inner, tasks=[good, bad])
    return wire.run(target, literals(n=1)).id


def nodes(wire, run, filters="", *, parent="", key=None, direction=ASCENDING):
    request = node_execution_pb2.NodeExecutionListRequest(
        workflow_execution_id=run, unique_parent_id=parent, limit=100, filters=filters
    )
    if key is not None:
        request.sort_by.CopyFrom(common_pb2.Sort(key=key, direction=direction))
    listed = wire.admin.ListNodeExecutions(request).node_executions
    return [node.id.node_id for node in listed if node.id.node_id.startswith("n")]


def attempts(wire, run, filters="", key="retry_attempt", direction=ASCENDING):
    request = task_execution_pb2.TaskExecutionListRequest(limit=100, filters=filters)
    request.node_execution_id.node_id = "n1"
    request.node_execution_id.execution_id.CopyFrom(run)
    request.sort_by.CopyFrom(common_pb2.Sort(key=key, direction=direction))
    return [task.id.retry_attempt for task in wire.admin.ListTaskExecutions(request).task_executions]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ("gt(started_at,2020-01-01T00:00:00Z)", ["n0", "n1"]),
        ("gt(started_at,2120-01-01T00:00:00Z)", []),
        ("gt(node_execution_created_at,2020-01-01T01:00:00+01:00)", None),
        ("gte(node_execution_updated_at,2120-01-01T00:00:00Z)", []),
        ("gt(updated_at,2020-01-01T00:00:00Z)", ["n0", "n1"]),
        ("lt(duration,1h)", ["n0", "n1"]),
        ("gte(node_execution.duration,1h)", []),
        ("value_in(error_kind,USER;SYSTEM)", ["n1"]),
        ("ne(error_code,)", None),
        ("contains(error_code,nothing)", []),
        ("eq(phase,FAILED)+eq(node_id,n1)", ["n1"]),
        ("eq(execution.phase,FAILED)", ["n0", "n1"]),
        ("eq(execution.phase,SUCCEEDED)", []),
        ("contains(input_uri,/n0/)", ["n0"]),
        ("eq(cache_status,CACHE_HIT)", []),
        ("eq(name,x)", None),
        ("eq(task_execution.phase,FAILED)", None),
    ],
)
def test_nodes_are_filtered(wire, run, filters, found):
    if found is None:
        rejected("INVALID_ARGUMENT", nodes, wire, run, filters)
    else:
        assert nodes(wire, run, filters) == found


def test_nodes_are_filtered_by_their_run_and_parent(wire, run):
    assert nodes(wire, run, f"eq(execution_name,{run.name})+eq(execution_project,{run.project})") == ["n0", "n1"]
    assert nodes(wire, run, "eq(execution_name,other)") == []
    (child,) = (node for node in nodes(wire, run, parent="n0") if node.endswith("-in"))
    below = nodes(wire, run, "gt(parent_id,0)", parent="n0")
    assert child in below
    assert nodes(wire, run, "gt(parent_id,0)") == []


@pytest.mark.parametrize("key", ["started_at", "node_execution_created_at", "node_execution_updated_at", "updated_at"])
def test_nodes_are_sorted(wire, run, key):
    assert nodes(wire, run, key=key) == ["n0", "n1"]
    assert nodes(wire, run, key=key, direction=DESCENDING) == ["n1", "n0"]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ("gt(started_at,2020-01-01T00:00:00Z)", [0, 1]),
        ("gt(task_execution_created_at,2120-01-01T00:00:00Z)", []),
        ("lt(task_execution_updated_at,2120-01-01T00:00:00Z)", [0, 1]),
        ("lt(task_execution.duration,1h)+eq(retry_attempt,1)", [1]),
        ("eq(phase,FAILED)+eq(node_id,n1)", [0, 1]),
        ("eq(version,v1)", [0, 1]),
        ("eq(version,v2)", []),
        ("eq(node_execution.error_kind,USER)", [0, 1]),
        ("eq(node_execution.phase,SUCCEEDED)", []),
        ("eq(execution.phase,FAILED)+eq(phase_version,0)", [0, 1]),
        ("eq(task.type,container)", [0, 1]),
        ("eq(task.type,python-task)", []),
        ("eq(error_kind,USER)", None),
        ("eq(workflow.name,x)", None),
    ],
)
def test_attempts_are_filtered(wire, run, filters, found):
    if found is None:
        rejected("INVALID_ARGUMENT", attempts, wire, run, filters)
    else:
        assert attempts(wire, run, filters) == found


def test_name_of_an_attempt_is_that_of_its_run(wire, run):
    """Flyteadmin allows the task's own project, domain and name, and then rewrites them (``common/filters.go``)."""
    assert attempts(wire, run, f"eq(name,{run.name})+eq(project,{run.project})+eq(domain,{run.domain})") == [0, 1]
    assert attempts(wire, run, "contains(task.name,.bad)") == [0, 1]


@pytest.mark.parametrize("key", ["started_at", "task_execution_created_at", "task_execution_updated_at", "created_at"])
def test_attempts_are_sorted(wire, run, key):
    assert attempts(wire, run, key=key) == [0, 1]
    assert attempts(wire, run, key=key, direction=DESCENDING) == [1, 0]
