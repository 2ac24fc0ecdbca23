"""What the real backend does to its clients by chance, as switches of the sandbox; and planned errors on both wires."""

from __future__ import annotations

import contextlib
import time

import pytest

from bridge_core.sandbox import Sandbox

from .wires import PHASE, Connect, Grpc, Refused, action_id, create, data_of, ended, run_id, unique, until

RUNNING, SUCCEEDED, QUEUED = PHASE.ACTION_PHASE_RUNNING, PHASE.ACTION_PHASE_SUCCEEDED, PHASE.ACTION_PHASE_QUEUED


@pytest.fixture(scope="module")
def prompt():
    """A sandbox without pauses of its own: what is late here is late because of a switch."""
    with Sandbox(prompt=True) as running:
        yield running


@pytest.fixture(params=[Grpc, Connect], ids=["grpc", "connect"])
def wire(request, prompt):
    prompt.faults.clear()
    connected = request.param(prompt.flyte2_endpoint)
    yield connected
    connected.close()
    prompt.faults.assert_consumed()
    prompt.faults.clear()


@pytest.fixture
def task(prompt):
    name = unique("pkg.stub")
    prompt.stub(name, outputs={"o0": 7}, inputs={"x": int}, duration=0.2)
    return name


def watch(wire, name, timeout=30):
    request = {"actionId": {"run": {"project": "flytesnacks", "domain": "development", "name": name}, "name": "a0"}}
    return [message.details for message in wire.stream("WatchActionDetails", request, timeout=timeout)]


def test_a_stream_may_end_with_ok_while_the_run_goes_on(prompt, wire, task):
    prompt.faults.flyte2.end_streams_early("WatchActionDetails")
    name = unique()
    create(wire, name, task, {"x": 1}, "stub")
    seen = watch(wire, name)
    assert len(seen) == 1
    assert seen[0].status.phase in (QUEUED, RUNNING)
    assert watch(wire, name)[-1].attempts[-1].phase == SUCCEEDED


def test_the_attempt_has_ended_before_its_action(prompt, wire, task):
    prompt.faults.flyte2.late_phase(0.7)
    name = unique()
    create(wire, name, task, {"x": 1}, "stub")
    last = watch(wire, name)[-1]
    assert (last.status.phase, last.attempts[-1].phase) == (RUNNING, SUCCEEDED)
    assert ended(wire, name).status.phase == SUCCEEDED


def test_a_deadline_ends_a_stream_without_a_word_about_the_run(prompt, task):
    wire = Connect(prompt.flyte2_endpoint)
    slow, name = unique("pkg.slow"), unique()
    prompt.stub(slow, outputs={"o0": 7}, duration=60)
    create(wire, name, slow, version="stub")
    until(wire, name, lambda details: details.status.phase == RUNNING)
    assert watch(wire, name, timeout=0.5)[-1].status.phase == RUNNING  # and no error
    wire("AbortRun", {"runId": {"project": "flytesnacks", "domain": "development", "name": name}})


def test_outputs_come_later_than_the_end(prompt, wire, task):
    prompt.faults.flyte2.outputs_late(0.8)
    name = unique()
    create(wire, name, task, {"x": 1}, "stub")
    ended(wire, name)
    with pytest.raises(Refused, match="outputs not available") as refused:
        data_of(wire, name)
    assert refused.value.code == "NOT_FOUND"
    give_up = time.monotonic() + 20
    while time.monotonic() < give_up:
        try:
            assert data_of(wire, name) == ({"x": 1}, {"o0": 7})
        except Refused:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the outputs never came")


def test_a_run_may_be_created_and_never_begin(prompt, wire, task):
    prompt.faults.flyte2.lose_enqueue()
    lost, next_one = unique(), unique()
    create(wire, lost, task, {"x": 1}, "stub")
    create(wire, next_one, task, {"x": 1}, "stub")
    ended(wire, next_one)
    assert ended_or_not(wire, lost).status.phase == QUEUED


def test_open_streams_may_not_be_told_of_a_change(prompt, wire, task):
    name = unique()
    prompt.faults.flyte2.lose_notifications(times=4)  # QUEUED, RUNNING, the attempt's end, SUCCEEDED
    create(wire, name, task, {"x": 1}, "stub")
    seen = []
    request = {"actionId": {"run": {"project": "flytesnacks", "domain": "development", "name": name}, "name": "a0"}}
    with contextlib.suppress(Refused):  # the deadline, when gRPC's client notices it first
        stream = wire.stream("WatchActionDetails", request, timeout=1.5)
        seen.extend(message.details.status.phase for message in stream)
    assert set(seen) <= {QUEUED, RUNNING}
    assert ended(wire, name).status.phase == SUCCEEDED


def test_a_phase_may_go_backwards(prompt, wire, task):
    prompt.faults.flyte2.phase_backwards()
    name = unique()
    create(wire, name, task, {"x": 1}, "stub")
    assert ended(wire, name).status.phase == SUCCEEDED


def test_a_name_that_is_taken_may_be_refused(prompt, wire, task):
    prompt.faults.flyte2.refuse_same_name = True
    name = unique()
    create(wire, name, task, {"x": 1}, "stub")
    with pytest.raises(Refused) as refused:
        create(wire, name, task, {"x": 2}, "stub")
    assert refused.value.code == "ALREADY_EXISTS"
    ended(wire, name)
    assert data_of(wire, name)[0] == {"x": 1}


def test_the_same_name_in_another_domain_never_begins(wire, task):
    name = unique()
    create(wire, name, task, {"x": 1}, "stub")
    request = {
        "runId": {"project": "flytesnacks", "domain": "staging", "name": name},
        "taskId": {"project": "flytesnacks", "domain": "development", "name": task, "version": "stub"},
    }
    wire("CreateRun", request)
    ended(wire, name)
    assert ended_or_not(wire, name, domain="staging").status.phase == QUEUED


def test_a_label_that_kubernetes_refuses_keeps_a_run_queued(wire, task):
    name, good = unique(), unique()
    request = {
        "runId": {"project": "flytesnacks", "domain": "development", "name": name},
        "taskId": {"project": "flytesnacks", "domain": "development", "name": task, "version": "stub"},
        "runSpec": {"labels": {"values": {"team": "has blank"}}},
    }
    wire("CreateRun", request)
    create(wire, good, task, {"x": 1}, "stub")
    ended(wire, good)
    assert ended_or_not(wire, name).status.phase == QUEUED


@pytest.mark.parametrize("after_commit", [False, True])
def test_a_planned_error_comes_before_or_after_the_work(prompt, wire, task, after_commit):
    name = unique()
    prompt.faults.fail("CreateRun", code="UNAVAILABLE", after_commit=after_commit)
    before = prompt.calls.count("CreateRun")
    with pytest.raises(Refused, match="planned by sandbox") as refused:
        create(wire, name, task, {"x": 1}, "stub")
    assert refused.value.code == "UNAVAILABLE"
    assert prompt.calls.count("CreateRun") == before + 1
    assert prompt.calls.of("CreateRun")[-1].request.run_id.name == name
    if after_commit:
        assert ended(wire, name).status.phase == SUCCEEDED
    else:
        with pytest.raises(Refused, match="action not found"):
            ended(wire, name)


def ended_or_not(wire, name, domain="development"):
    from google.protobuf import json_format

    return wire("GetActionDetails", {"actionId": json_format.MessageToDict(action_id(name, domain=domain))}).details


def test_a_run_is_named_by_whoever_asks(wire, task):
    """The id of an answer is that of the question, with its organization, as there."""
    name = unique()
    create(wire, name, task, {"x": 1}, "stub")
    asked = run_id(name)
    request = {"runId": {"org": "mine", "project": asked.project, "domain": asked.domain, "name": name}}
    assert wire("GetRunDetails", request).details.action.id.run.org == "mine"
