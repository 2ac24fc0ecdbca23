"""Creating the same run twice, as FlyteAdmin does it: labels first, the run second, no transaction around them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from flyteidl.admin import common_pb2, execution_pb2
from flyteidl.core import identifier_pb2

from .protos import PHASE, D, P, echo_workflow, gate_workflow, literals, rejected, unique, values
from .test_executions import list_runs

TEAM = common_pb2.Labels(values={"team": "ml"})


def run_id(name):
    return identifier_pb2.WorkflowExecutionIdentifier(project=P, domain=D, name=name)


@pytest.fixture
def one():
    with ThreadPoolExecutor(1) as pool:
        yield pool


def test_between_its_inserts_a_run_is_taken_and_not_there(sandbox, wire, one):
    target, name = gate_workflow(wire), unique("race")
    with sandbox.faults.hold_create() as held:
        first = one.submit(wire.launch, target, name, literals(n=1), labels=TEAM)
        assert held.wait() == name
        text = rejected("ALREADY_EXISTS", wire.launch, target, name, literals(n=1), labels=TEAM)
        assert "execution_tags_pkey" in text
        rejected("NOT_FOUND", wire.get, run_id(name))
        held.release()
        assert first.result(30).name == name
    assert wire.get(run_id(name)).id.name == name
    wire.terminate(run_id(name))


def test_a_crash_between_the_inserts_leaves_a_name_that_is_taken_for_ever(sandbox, wire):
    target, name = echo_workflow(wire), unique("race")
    sandbox.faults.crash_create()
    rejected("UNAVAILABLE", wire.launch, target, name, literals(n=1), labels=TEAM)
    for _ in range(2):
        rejected("ALREADY_EXISTS", wire.launch, target, name, literals(n=1), labels=TEAM)
        rejected("NOT_FOUND", wire.get, run_id(name))
    # For the same labels: with others, or none, the name is free.
    assert wire.run(target, literals(n=1), name=name).closure.phase == PHASE.SUCCEEDED


def test_a_refused_duplicate_leaves_its_labels_on_the_run(wire):
    target, name = gate_workflow(wire), unique("race")
    wire.launch(target, name, literals(n=1), labels=TEAM)
    other = common_pb2.Labels(values={"owner": "else"})
    assert "executions_pkey" in rejected("ALREADY_EXISTS", wire.launch, target, name, literals(n=1), labels=other)
    found = list_runs(wire, f"eq(execution_tag.key,owner)+eq(execution_name,{name})").executions
    assert [run.id.name for run in found] == [name]
    assert dict(wire.get(run_id(name)).spec.labels.values) == {"team": "ml"}
    wire.terminate(run_id(name))


def test_a_loser_of_a_race_overwrites_the_stored_inputs(sandbox, wire, one):
    """Its inputs are written when the winner's are, and before anybody knows who wins."""
    target, name = gate_workflow(wire), unique("race")
    with sandbox.faults.hold_create() as held:
        first = one.submit(wire.launch, target, name, literals(n=1), labels=TEAM)
        held.wait()
        rejected("ALREADY_EXISTS", wire.launch, target, name, literals(n=2), labels=TEAM)
        held.release()
        first.result(30)
    run = run_id(name)
    data = wire.admin.GetExecutionData(execution_pb2.WorkflowExecutionGetDataRequest(id=run))
    assert values(data.full_inputs) == {"n": 2}
    again = wire.admin.RelaunchExecution(execution_pb2.ExecutionRelaunchRequest(id=run, name=unique("again"))).id
    data = wire.admin.GetExecutionData(execution_pb2.WorkflowExecutionGetDataRequest(id=again))
    assert values(data.full_inputs) == {"n": 2}
    wire.terminate(run)
    wire.terminate(again)


def test_many_at_once_are_one_run(wire):
    target, name = gate_workflow(wire), unique("race")
    start = threading.Barrier(8)

    def launch(number):
        start.wait()
        try:
            wire.launch(target, name, literals(n=number))
        except grpc.RpcError as error:
            return error.code().name
        return "OK"

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(launch, range(8))) == ["ALREADY_EXISTS"] * 7 + ["OK"]
    wire.terminate(run_id(name))


def test_nobody_came_to_be_held(sandbox):
    with pytest.raises(TimeoutError, match="no CreateExecution"), sandbox.faults.hold_create() as held:
        held.wait(timeout=0.01)
    sandbox.faults.clear()
