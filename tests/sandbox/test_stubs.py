"""Stubs: workflows that are played over the real protocol, without their code."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from flyteidl.admin import common_pb2, execution_pb2, launch_plan_pb2, version_pb2
from flyteidl.core import identifier_pb2, literals_pb2, types_pb2

from bridge_core.sandbox.controls.values import literal_of, type_named

from .protos import (
    INTEGER,
    PHASE,
    STRING,
    D,
    P,
    add_node,
    add_output,
    literals,
    new_workflow,
    plan_id,
    rejected,
    shell_task,
    unique,
    value,
    workflow_id,
)
from .test_engine import attempts_of, nodes_of
from .test_processes import wait_until


@pytest.fixture
def stubbed(sandbox):
    """The shared sandbox without stubs of other tests."""
    sandbox.stubs.clear()
    yield sandbox
    sandbox.stubs.clear()


def active(wire, name):
    request = common_pb2.NamedEntityIdentifier(project=P, domain=D, name=name)
    return wire.admin.GetActiveLaunchPlan(launch_plan_pb2.ActiveLaunchPlanRequest(id=request))


def test_a_name_that_is_not_registered_is_made(stubbed, wire):
    name = unique("etl")
    stub = stubbed.stub(name, inputs={"day": str, "sizes": list[int]}, outputs={"rows": 7, "names": ["a", "b"]})
    plan = active(wire, name)
    assert set(plan.closure.expected_inputs.parameters) == {"day", "sizes"}
    run = wire.run(plan.id, literals(day="x", sizes=[1])).id
    assert wire.get(run).closure.phase == PHASE.SUCCEEDED
    assert wire.outputs(run) == {"rows": 7, "names": ["a", "b"]}
    assert set(nodes_of(wire, run)) == {"start-node", "end-node"}
    assert "wrong type" in rejected("INVALID_ARGUMENT", wire.launch, plan.id, inputs=literals(day=1, sizes=[1]))
    assert stub.executions == 1
    # Again, otherwise: the same interface is the same version, another one is a newer version.
    stubbed.stub(name, outputs={"rows": 8, "names": []})
    assert wire.outputs(wire.run(plan.id, literals(day="x", sizes=[1])).id) == {"rows": 8, "names": []}


def test_it_fails_as_often_as_it_was_told(stubbed, wire):
    name = unique("flaky")
    stub = stubbed.stub(name, fail_times=2, message="no rows today")
    target = active(wire, name).id
    phases = []
    for _ in range(3):
        closure = wire.run(target).closure
        phases.append(closure.phase)
        if closure.phase == PHASE.FAILED:
            assert closure.error.code == "USER:StubFailed"
            assert closure.error.message.startswith("no rows today")
    assert phases == [PHASE.FAILED, PHASE.FAILED, PHASE.SUCCEEDED]
    assert stub.executions == 3


def test_it_takes_its_time_and_can_be_stopped(stubbed, wire):
    name = unique("slow")
    stubbed.stub(name, duration=600)
    run = wire.launch(active(wire, name).id)
    wire.wait(run, phases={PHASE.RUNNING})
    wire.terminate(run)
    assert wire.wait(run).closure.phase == PHASE.ABORTED
    stubbed.stub(name, duration=0.3)
    closure = wire.run(active(wire, name).id).closure
    assert closure.duration.ToNanoseconds() >= 0.3e9


def never(tmp_path):
    """A task that must not run."""
    task = shell_task(unique("never"), f"touch {tmp_path / 'ran'}", {"n": INTEGER}, {"o0": INTEGER})
    task.metadata.retries.retries = 2
    return task


def registered(wire, task, name):
    template = new_workflow(name, {"n": INTEGER}, {"o0": INTEGER})
    add_node(template, "n0", task, n=("", "n"))
    add_output(template, "o0", "n0", "o0")
    wire.register(template, tasks=[task])
    return template


def test_a_registered_workflow_is_not_run(stubbed, wire, tmp_path):
    name = unique("wf")
    registered(wire, never(tmp_path), name)
    stubbed.stub(name, outputs={"o0": 5})
    assert wire.outputs(wire.run(plan_id(name), literals(n=1)).id) == {"o0": 5}
    assert not (tmp_path / "ran").exists()
    stubbed.stubs.clear()
    wire.run(plan_id(name), literals(n=1))
    assert (tmp_path / "ran").exists()


def test_a_task_inside_a_workflow_is_retried_as_usual(stubbed, wire, tmp_path):
    name, task = unique("wf"), never(tmp_path)
    registered(wire, task, name)
    stub = stubbed.stub(task.id.name, outputs={"o0": 5}, fail_times=2)
    run = wire.run(plan_id(name), literals(n=1)).id
    assert wire.outputs(run) == {"o0": 5}
    assert len(attempts_of(wire, nodes_of(wire, run)["n0"])) == stub.executions == 3
    assert not (tmp_path / "ran").exists()


def test_children_are_played_too(stubbed, wire, tmp_path):
    name = unique("child")
    child = registered(wire, never(tmp_path), name)
    stub = stubbed.stub(name, outputs={"o0": 5})
    parent = new_workflow(unique("parent"), {}, {"a": INTEGER, "b": INTEGER})
    add_node(parent, "sub", workflow_id(name), n=1)
    add_node(parent, "plan", plan_id(name), n=1)
    add_output(parent, "a", "sub", "o0")
    add_output(parent, "b", "plan", "o0")
    run = wire.run(wire.register(parent, child)).id
    assert wire.outputs(run) == {"a": 5, "b": 5}
    assert stub.executions == 2
    # A task that waits is stopped with its run.
    stubbed.stub(name, outputs={"o0": 5}, duration=600)
    run = wire.launch(plan_id(parent.id.name))
    wait_until(lambda: {"sub", "plan"} <= set(nodes_of(wire, run)))
    wire.terminate(run)
    assert wire.wait(run).closure.phase == PHASE.ABORTED


def test_what_does_not_fit_is_told(stubbed, wire, tmp_path):
    name = unique("wf")
    registered(wire, never(tmp_path), name)
    for outputs, part in (
        ({}, "wanted values for \\['o0'\\]"),
        ({"o0": "x"}, "does not fit"),
        ({"o0": 1, "p": 2}, "p"),
    ):
        with pytest.raises(ValueError, match=part):
            stubbed.stub(name, outputs=outputs)
    with pytest.raises(ValueError, match="leave out inputs"):
        stubbed.stub(name, inputs={"n": int}, outputs={"o0": 1})
    with pytest.raises(ValueError, match="fail_times"):
        stubbed.stub(name, outputs={"o0": 1}, fail_times=-1)
    with pytest.raises(ValueError, match="duration"):
        stubbed.stub(name, outputs={"o0": 1}, duration=-1)
    with pytest.raises(ValueError, match="no type of a stub"):
        stubbed.stub(unique("new"), inputs={"n": object})
    with pytest.raises(ValueError, match="makes no literal"):
        stubbed.stub(unique("new"), outputs={"o": object()})
    with pytest.raises(ValueError, match="outputs must be a mapping by name, got list"):
        stubbed.stub(unique("new"), outputs=[1])
    with pytest.raises(ValueError, match="nowhere"):
        stubbed.stub(unique("new"), project="nowhere")


def test_values_of_all_kinds():
    when = datetime(2026, 1, 2, tzinfo=UTC)
    assert literal_of(when).scalar.primitive.datetime.ToDatetime(tzinfo=UTC) == when
    assert literal_of(when.replace(tzinfo=None)) == literal_of(when)
    assert literal_of(timedelta(seconds=3)).scalar.primitive.duration.seconds == 3
    assert literal_of({"a": [1]}).scalar.binary.tag == "msgpack"
    assert literal_of({"a": 1}, type_named(dict[str, int])).map.literals["a"].scalar.primitive.integer == 1
    blob = types_pb2.LiteralType(blob=types_pb2.BlobType(format="csv"))
    assert literal_of("/x.csv", blob).scalar.blob.metadata.type.format == "csv"
    assert literal_of(Path("/x.csv")).scalar.blob.uri == "/x.csv"
    frame = types_pb2.LiteralType(structured_dataset_type=types_pb2.StructuredDatasetType(format="parquet"))
    assert literal_of("/x", frame).scalar.structured_dataset.metadata.structured_dataset_type.format == "parquet"
    optional = types_pb2.LiteralType(union_type=types_pb2.UnionType(variants=[STRING, type_named(type(None))]))
    assert value(literal_of(None, optional)) is None
    assert literal_of("x", optional).scalar.union.type == STRING
    with pytest.raises(ValueError, match="no variant"):
        literal_of(1, optional)
    given = literals_pb2.Literal(hash="h")
    assert literal_of(given) is given


def test_a_dropped_call_is_never_answered(stubbed, wire):
    name = unique("wf")
    stubbed.stub(name)
    target = active(wire, name).id
    stubbed.faults.drop("GetVersion")
    with pytest.raises(grpc.RpcError) as caught:
        wire.admin.GetVersion(version_pb2.GetVersionRequest(), timeout=0.3)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    stubbed.faults.drop("CreateExecution", after_commit=True)
    request = unique("dropped")
    create = execution_pb2.ExecutionCreateRequest(project=P, domain=D, name=request)
    create.spec.launch_plan.CopyFrom(target)
    with pytest.raises(grpc.RpcError):
        wire.admin.CreateExecution(create, timeout=0.3)
    run = identifier_pb2.WorkflowExecutionIdentifier(project=P, domain=D, name=request)
    assert wire.wait(run).closure.phase == PHASE.SUCCEEDED  # the request had arrived
    stubbed.faults.assert_consumed()


def test_an_expired_token_is_told_in_flyteadmins_words(stubbed, wire):
    stubbed.faults.expire("GetVersion")
    text = rejected("UNAUTHENTICATED", wire.admin.GetVersion, version_pb2.GetVersionRequest())
    assert "Token is expired" in text
    wire.admin.GetVersion(version_pb2.GetVersionRequest())


@pytest.mark.parametrize("number", [1, 2])
def test_the_fixture_for_users_forgets_stubs_and_calls(flyte_sandbox, connect, number):
    assert flyte_sandbox.calls.count() == 0
    wire = connect(flyte_sandbox)
    flyte_sandbox.stub("of.users", outputs={"number": number})
    assert wire.outputs(wire.run(active(wire, "of.users").id).id) == {"number": number}
