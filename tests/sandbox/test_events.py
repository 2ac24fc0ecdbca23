"""A FlyteAdmin without an engine: runs move when events say so, and only as FlyteAdmin lets them."""

from __future__ import annotations

import pytest
from flyteidl.admin import event_pb2, execution_pb2, launch_plan_pb2, node_execution_pb2, task_execution_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from bridge_core.sandbox import Sandbox

from .protos import (
    NODE,
    PHASE,
    Wire,
    add_node,
    echo_task,
    echo_workflow,
    literals,
    new_workflow,
    rejected,
    task_id,
    unique,
    values,
)


@pytest.fixture(scope="module")
def still():
    with Sandbox(engine=False) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def wire(still):
    connected = Wire(still.endpoint)
    yield connected
    connected.close()


@pytest.fixture
def run(wire):
    return wire.launch(echo_workflow(wire), unique("still"), literals(n=7))


def at(seconds):
    return Timestamp(seconds=1_700_000_000 + seconds)


def run_event(run, phase, seconds=0, **more):
    request = event_pb2.WorkflowExecutionEventRequest()
    request.event.execution_id.CopyFrom(run)
    request.event.phase = phase
    request.event.occurred_at.CopyFrom(at(seconds))
    for name, value in more.items():
        if isinstance(value, str):
            setattr(request.event, name, value)
        else:
            getattr(request.event, name).CopyFrom(value)
    return request


def node_event(run, phase, seconds=0, node_id="n0", **more):
    request = event_pb2.NodeExecutionEventRequest()
    request.event.id.node_id = request.event.spec_node_id = node_id
    request.event.id.execution_id.CopyFrom(run)
    request.event.phase = phase
    request.event.occurred_at.CopyFrom(at(seconds))
    for name, value in more.items():
        getattr(request.event, name).CopyFrom(value)
    return request


def task_event(run, phase, seconds=0, version=0, reason="", **more):
    request = event_pb2.TaskExecutionEventRequest()
    request.event.task_id.CopyFrom(task_id("any.task"))
    request.event.parent_node_execution_id.node_id = "n0"
    request.event.parent_node_execution_id.execution_id.CopyFrom(run)
    request.event.phase, request.event.phase_version, request.event.reason = phase, version, reason
    request.event.occurred_at.CopyFrom(at(seconds))
    for name, value in more.items():
        getattr(request.event, name).CopyFrom(value)
    return request


def test_a_run_stays_as_it_was_created(wire, run):
    closure = wire.get(run).closure
    assert closure.phase == PHASE.UNDEFINED
    assert not closure.HasField("started_at")
    assert not closure.HasField("duration")


def test_times_are_those_of_the_events(wire, run):
    wire.admin.CreateWorkflowEvent(run_event(run, PHASE.RUNNING, 1))
    going = wire.get(run).closure
    assert (going.phase, going.started_at, going.updated_at) == (PHASE.RUNNING, at(1), at(1))
    assert not going.HasField("duration")
    wire.admin.CreateWorkflowEvent(run_event(run, PHASE.SUCCEEDED, 5, output_data=literals(o0=7)))
    done = wire.get(run).closure
    assert (done.phase, done.duration.seconds) == (PHASE.SUCCEEDED, 4)
    assert wire.outputs(run) == {"o0": 7}


def test_a_phase_does_not_go_back(wire, run):
    wire.admin.CreateWorkflowEvent(run_event(run, PHASE.RUNNING))
    create = wire.admin.CreateWorkflowEvent
    assert "already recorded" in rejected("ALREADY_EXISTS", create, run_event(run, PHASE.RUNNING))
    assert "Cannot go from RUNNING to QUEUED" in rejected("FAILED_PRECONDITION", create, run_event(run, PHASE.QUEUED))
    create(run_event(run, PHASE.FAILED))
    assert "Invalid phase change" in rejected("FAILED_PRECONDITION", create, run_event(run, PHASE.RUNNING))
    run.name = "nowhere"
    rejected("NOT_FOUND", create, run_event(run, PHASE.RUNNING))


def test_aborting_may_be_asked_for_again_and_a_later_failure_wins(wire, run):
    wire.terminate(run, cause="first")
    wire.terminate(run, cause="second")
    closure = wire.get(run).closure
    assert (closure.phase, closure.abort_metadata.cause) == (PHASE.ABORTING, "second")
    rejected("FAILED_PRECONDITION", wire.admin.CreateWorkflowEvent, run_event(run, PHASE.RUNNING))
    event = run_event(run, PHASE.FAILED)
    event.event.error.code = "USER:ValueError"
    wire.admin.CreateWorkflowEvent(event)
    closure = wire.get(run).closure
    assert (closure.phase, closure.error.code) == (PHASE.FAILED, "USER:ValueError")
    request = execution_pb2.ExecutionTerminateRequest(id=run)
    assert "already terminated" in rejected("FAILED_PRECONDITION", wire.admin.TerminateExecution, request)


def test_events_of_another_cluster_are_refused_once_it_runs(wire, run):
    wire.admin.CreateWorkflowEvent(run_event(run, PHASE.QUEUED, producer_id="c1"))
    assert wire.get(run).spec.metadata.system_metadata.execution_cluster == "c1"
    wire.admin.CreateWorkflowEvent(run_event(run, PHASE.RUNNING, producer_id="c1"))
    other = run_event(run, PHASE.SUCCEEDED, producer_id="c2")
    assert "does not match" in rejected("FAILED_PRECONDITION", wire.admin.CreateWorkflowEvent, other)


def test_nodes_and_attempts_come_from_their_events(wire, run):
    node, task = wire.admin.CreateNodeEvent, wire.admin.CreateTaskEvent
    assert "Failed to get existing node execution" in rejected("NOT_FOUND", task, task_event(run, 2))
    node(node_event(run, NODE.QUEUED, 1, input_data=literals(n=7)))
    node(node_event(run, NODE.RUNNING, 2))
    assert "already recorded RUNNING" in rejected("ALREADY_EXISTS", node, node_event(run, NODE.RUNNING))
    task(task_event(run, 2, 3))
    assert "version: 0" in rejected("ALREADY_EXISTS", task, task_event(run, 2))
    task(task_event(run, 2, 4, version=1, reason="pulling"))
    task(task_event(run, 3, 5, output_data=literals(o0=7)))
    rejected("FAILED_PRECONDITION", task, task_event(run, 2, 6))
    node(node_event(run, NODE.SUCCEEDED, 7, output_data=literals(o0=7)))
    rejected("FAILED_PRECONDITION", node, node_event(run, NODE.RUNNING, 8))

    listed = wire.admin.ListNodeExecutions(
        node_execution_pb2.NodeExecutionListRequest(workflow_execution_id=run, limit=9)
    )
    (record,) = listed.node_executions
    assert (record.closure.phase, record.closure.duration.seconds) == (NODE.SUCCEEDED, 5)
    data = wire.admin.GetNodeExecutionData(node_execution_pb2.NodeExecutionGetDataRequest(id=record.id))
    assert (values(data.full_inputs), values(data.full_outputs)) == ({"n": 7}, {"o0": 7})
    request = task_execution_pb2.TaskExecutionListRequest(node_execution_id=record.id, limit=9)
    (attempt,) = wire.admin.ListTaskExecutions(request).task_executions
    assert (attempt.closure.phase, attempt.closure.duration.seconds) == (3, 2)
    assert [reason.message for reason in attempt.closure.reasons] == ["pulling"]


def test_children_name_the_node_above_them(wire, run):
    wire.admin.CreateNodeEvent(node_event(run, NODE.RUNNING, node_id="n0"))
    below = node_event(run, NODE.RUNNING, node_id="n0-0-n0")
    below.event.parent_node_metadata.node_id = "n0"
    wire.admin.CreateNodeEvent(below)
    top = node_execution_pb2.NodeExecutionListRequest(workflow_execution_id=run, limit=9)
    assert [one.id.node_id for one in wire.admin.ListNodeExecutions(top).node_executions] == ["n0"]
    top.unique_parent_id = "n0"
    assert [one.id.node_id for one in wire.admin.ListNodeExecutions(top).node_executions] == ["n0-0-n0"]
    below.event.id.node_id, below.event.parent_node_metadata.node_id = "n1-0-n0", "n1"
    rejected("NOT_FOUND", wire.admin.CreateNodeEvent, below)


def test_what_a_run_is_stays_after_a_restart(fresh, connect):
    sandbox = fresh(engine=False)
    wire = connect(sandbox)
    run = wire.launch(echo_workflow(wire), unique("still"), literals(n=7))
    wire.admin.CreateWorkflowEvent(run_event(run, PHASE.RUNNING, 1))
    sandbox.stop()
    wire = connect(fresh(engine=False))
    assert wire.get(run).closure.phase == PHASE.RUNNING
    wire.admin.CreateWorkflowEvent(run_event(run, PHASE.SUCCEEDED, 2))
    assert wire.get(run).closure.phase == PHASE.SUCCEEDED


def test_a_burst_passes_a_concurrency_limit_until_the_runs_have_begun(wire):
    """FlyteAdmin counts QUEUED and RUNNING runs only."""
    spec = launch_plan_pb2.LaunchPlanSpec()
    spec.concurrency_policy.max = 1
    spec.concurrency_policy.behavior = launch_plan_pb2.CONCURRENCY_LIMIT_BEHAVIOR_SKIP
    name = unique("burst")
    task = echo_task(f"{name}.task", {}, {})
    template = new_workflow(name)
    add_node(template, "n0", task)
    target = wire.register(template, tasks=[task], plan=spec)
    runs = [wire.launch(target) for _ in range(3)]
    wire.admin.CreateWorkflowEvent(run_event(runs[0], PHASE.QUEUED))
    assert "concurrency limit (1) reached" in rejected("ALREADY_EXISTS", wire.launch, target)
    wire.admin.CreateWorkflowEvent(run_event(runs[0], PHASE.RUNNING, 1))
    wire.terminate(runs[0])
    assert wire.get(runs[0]).closure.phase == PHASE.ABORTING
    assert wire.launch(target)  # one that is ABORTING does not count any more
