"""What FlyteAdmin says while its database, its blob store or Kubernetes is away, and when it is back."""

from __future__ import annotations

import pytest
from flyteidl.admin import common_pb2, execution_pb2, matchable_resource_pb2, project_pb2, signal_pb2, workflow_pb2
from flyteidl.core import identifier_pb2
from flyteidl.service import dataproxy_pb2

from .protos import (
    PHASE,
    D,
    P,
    echo_task,
    echo_workflow,
    gate_workflow,
    literal,
    literals,
    rejected,
    task_id,
    unique,
)


@pytest.fixture
def done(wire):
    target = echo_workflow(wire)
    return target, wire.run(target, literals(n=7)).id


def data_of(wire, run):
    return wire.admin.GetExecutionData(execution_pb2.WorkflowExecutionGetDataRequest(id=run))


def test_without_a_database_creating_is_invalid_and_reading_internal(sandbox, wire, done):
    target, run = done
    signal = identifier_pb2.SignalIdentifier(signal_id="s", execution_id=run)
    name = unique("away")
    with sandbox.faults.outage("database"):
        assert "unexpected error type for" in rejected("INTERNAL", wire.get, run)
        assert "unexpected error type for" in rejected("INTERNAL", data_of, wire, run)
        rejected("INTERNAL", wire.terminate, run)
        rejected("INTERNAL", wire.admin.ListProjects, project_pb2.ProjectListRequest())
        text = rejected("INVALID_ARGUMENT", wire.launch, target, name, literals(n=1))
        assert text.startswith(
            f"failed to validate that project [{P}] and domain [{D}] are registered, err: [unexpected"
        )
        assert "failed to validate" in rejected("INVALID_ARGUMENT", wire.register_task, echo_task(unique("t"), {}, {}))
        request = signal_pb2.SignalSetRequest(id=signal, value=literal(1))
        assert "unexpected error type for" in rejected("INVALID_ARGUMENT", wire.signals.SetSignal, request)
        upload = dataproxy_pb2.CreateUploadLocationRequest(project=P, domain=D, filename_root="r", filename="f")
        assert wire.data.CreateUploadLocation(upload).native_url  # it asks nobody
        assert wire.admin.GetDomains(project_pb2.GetDomainRequest()).domains
    assert wire.get(run).closure.phase == PHASE.SUCCEEDED
    assert wire.run(target, literals(n=1), name=name).closure.phase == PHASE.SUCCEEDED


def test_without_a_blob_store_data_is_empty_and_nothing_can_be_created(sandbox, wire, done):
    target, run = done
    name = unique("away")
    with sandbox.faults.outage("blobs"):
        data = data_of(wire, run)
        assert not data.full_inputs.literals
        assert not data.full_outputs.literals
        assert wire.get(run).closure.phase == PHASE.SUCCEEDED
        assert "Failed to write" in rejected("INTERNAL", wire.launch, target, name, literals(n=1))
        rejected("NOT_FOUND", wire.get, identifier_pb2.WorkflowExecutionIdentifier(project=P, domain=D, name=name))
        relaunch = execution_pb2.ExecutionRelaunchRequest(id=run, name=name)
        assert "user_inputs" in rejected("INTERNAL", wire.admin.RelaunchExecution, relaunch)
        workflow = workflow_pb2.Workflow(id=target).id
        workflow.resource_type = identifier_pb2.WORKFLOW
        request = common_pb2.ObjectGetRequest(id=workflow)
        assert "Unable to read WorkflowClosure" in rejected("INTERNAL", wire.admin.GetWorkflow, request)
        upload = dataproxy_pb2.CreateUploadLocationRequest(project=P, domain=D, filename_root="r", filename="f")
        assert "failed to check if file exists" in rejected("INTERNAL", wire.data.CreateUploadLocation, upload)
    assert wire.outputs(run) == {"o0": 7}
    assert wire.run(target, literals(n=1), name=name).closure.phase == PHASE.SUCCEEDED


def test_without_kubernetes_a_plan_fails_and_a_task_is_no_run(sandbox, wire):
    target = echo_workflow(wire)
    task = task_id(f"{target.name}.task")
    gated = wire.launch(gate_workflow(wire), inputs=literals(n=1))
    wire.wait(gated, phases={PHASE.RUNNING})
    with sandbox.faults.outage("kubernetes"):
        failed = wire.get(wire.launch(target, inputs=literals(n=1))).closure
        text = rejected("INTERNAL", wire.launch, task, unique("task"), literals(n=1))
        assert "failed to terminate execution" in rejected("INTERNAL", wire.terminate, gated)
    assert (failed.phase, failed.error.code) == (PHASE.FAILED, "Internal")
    assert failed.error.message.startswith("failed to create workflow in propeller Post ")
    assert text == failed.error.message
    assert not failed.HasField("started_at")
    # It was marked before Kubernetes was asked, and nothing takes that back.
    assert wire.get(gated).closure.phase == PHASE.ABORTING
    wire.terminate(gated)
    assert wire.wait(gated).closure.phase == PHASE.ABORTED


def test_a_cluster_label_fails_a_run_where_there_is_one_cluster(wire):
    label = matchable_resource_pb2.ExecutionClusterLabel(value="gpu")
    run = wire.launch(echo_workflow(wire), inputs=literals(n=1), execution_cluster_label=label)
    closure = wire.get(run).closure
    assert closure.phase == PHASE.FAILED
    assert closure.error.message.endswith("execution cluster label gpu is not supported")


def test_an_outage_is_of_something(sandbox):
    with (
        pytest.raises(ValueError, match="'database', 'blobs', 'kubernetes', got 'network'"),
        sandbox.faults.outage("network"),
    ):
        pass


def test_runs_that_are_going_go_on(sandbox, wire):
    run = wire.launch(echo_workflow(wire), inputs=literals(n=7))
    with sandbox.faults.outage("database"), sandbox.faults.outage("kubernetes"):
        rejected("INTERNAL", wire.get, run)
    assert wire.wait(run).closure.phase == PHASE.SUCCEEDED
