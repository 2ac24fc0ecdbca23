"""Runs over both wires: created, watched, listed, read, aborted, of stubs and of processes."""

from __future__ import annotations

import http.client

import pytest

from bridge_core import Client, FailureKind

from .wires import (
    PHASE,
    Refused,
    action_id,
    container,
    create,
    data_of,
    ended,
    run_id,
    task_id,
    unique,
    until,
)

WRITE = (
    "import sys; place = sys.argv[1].removeprefix('file://') + '/outputs.pb'; "
    "open(place, 'wb').write(bytes.fromhex('0a0c0a026f3012060a040a02082a'))"
)


def writes(name, code=WRITE, **more):
    return container(name, "python3", "-c", code, "{{.outputPrefix}}", **more)


@pytest.fixture
def stub(sandbox):
    name = unique("pkg.stub")
    sandbox.stub(name, outputs={"o0": 7}, inputs={"x": int})
    return name


def test_a_run_of_a_stub_is_created_watched_and_read(wire, stub):
    name = unique()
    action = create(wire, name, stub, {"x": 3}, "stub")
    assert (action.id.name, action.status.phase) == ("a0", PHASE.ACTION_PHASE_QUEUED)
    seen = [m.details for m in wire.stream("WatchActionDetails", {"actionId": _json(action_id(name))})]
    assert seen[-1].attempts[-1].phase == PHASE.ACTION_PHASE_SUCCEEDED
    assert ended(wire, name).status.phase == PHASE.ACTION_PHASE_SUCCEEDED
    assert data_of(wire, name) == ({"x": 3}, {"o0": 7})


def test_a_container_runs_as_a_process_and_its_outputs_are_read(wire):
    name = unique()
    task = unique("pkg.write")
    wire("DeployTask", {"taskId": _json(task_id(task)), "spec": _json(writes(task))})
    create(wire, name, task, {"x": 1})
    details = ended(wire, name)
    assert details.status.phase == PHASE.ACTION_PHASE_SUCCEEDED, details
    assert data_of(wire, name) == ({"x": 1}, {"o0": 42})


def test_a_task_without_outputs_has_failed_by_the_systems_fault(wire):
    name = unique()
    create(wire, name, container(unique("pkg.none"), "true", outputs=()), {"x": 1})
    details = ended(wire, name)
    assert details.status.phase == PHASE.ACTION_PHASE_FAILED
    assert details.error_info.kind == details.error_info.KIND_SYSTEM
    assert details.error_info.message.startswith('plugin "pod" failed with system error 4 times: failed to read data')


def test_runs_are_found_by_many_names_at_once_but_not_by_one(wire, stub):
    names = [unique() for _ in range(3)]
    for name in names:
        create(wire, name, stub, version="stub")
    request = {
        "request": {"filters": [{"function": "VALUE_IN", "field": "run_name", "values": names}]},
        "projectId": {"name": "flytesnacks", "domain": "development"},
    }
    assert {run.action.id.run.name for run in wire("ListRuns", request).runs} == set(names)
    request["request"]["filters"][0]["values"] = names[:1]
    with pytest.raises(Refused, match="unable to convert string to array") as refused:
        wire("ListRuns", request)
    assert refused.value.code == "INTERNAL"


def test_the_same_name_is_answered_with_the_old_run_and_new_inputs(wire, stub):
    name = unique()
    create(wire, name, stub, {"x": 1}, "stub")
    ended(wire, name)
    again = create(wire, name, stub, {"x": 77}, "stub")
    assert again.status.phase == PHASE.ACTION_PHASE_SUCCEEDED
    assert data_of(wire, name) == ({"x": 77}, {"o0": 7})


def test_an_abort_ends_the_process_and_one_of_a_finished_run_hides_its_outputs(wire):
    name = unique()
    create(wire, name, container(unique("pkg.long"), "sleep", "60"))
    until(wire, name, lambda details: details.status.phase == PHASE.ACTION_PHASE_RUNNING)
    wire("AbortRun", {"runId": _json(run_id(name)), "reason": "stop it"})
    details = until(wire, name, lambda found: found.attempts[-1].phase == PHASE.ACTION_PHASE_ABORTED)
    assert (details.status.phase, details.abort_info.reason) == (PHASE.ACTION_PHASE_ABORTED, "stop it")

    done = unique()
    create(wire, done, writes(unique("pkg.write")), {"x": 1})
    assert ended(wire, done).status.phase == PHASE.ACTION_PHASE_SUCCEEDED
    wire("AbortRun", {"runId": _json(run_id(done))})
    assert ended(wire, done).status.phase == PHASE.ACTION_PHASE_ABORTED
    assert data_of(wire, done) == ({"x": 1}, {})


def test_a_watcher_of_a_running_run_hears_of_its_end(wire, sandbox):
    name, task = unique(), unique("pkg.slow")
    sandbox.stub(task, outputs={"o0": 1}, duration=0.5)
    create(wire, name, task, version="stub")
    stream = wire.stream("WatchActions", {"runId": _json(run_id(name))})
    assert any(_phase(message) == PHASE.ACTION_PHASE_SUCCEEDED for message in stream)
    stream.close()


def test_what_is_not_there_is_said_in_the_words_of_gos_mux(sandbox):
    host, _, port = sandbox.flyte2_endpoint.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    for path, status in (("/healthz", 200), ("/flyteidl2.workflow.RunService/Nope", 404), ("/", 404)):
        connection.request("GET", path)
        response = connection.getresponse()
        assert (response.status, response.read()) == (status, b"OK" if status == 200 else b"404 page not found\n")
    connection.close()


def _json(message):
    from google.protobuf import json_format

    return json_format.MessageToDict(message)


def _phase(message):
    return message.enriched_actions[-1].action.status.phase


def test_a_connection_is_good_for_more_than_a_thousand_calls(sandbox, connect):
    wire = connect(sandbox)
    request = {"id": "flytesnacks"}
    assert {wire("GetProject", request, timeout=5).project.id for _ in range(1100)} == {"flytesnacks"}


def test_why_a_run_failed(wire, sandbox):
    name, stubbed = unique(), unique("pkg.fails")
    sandbox.stub(stubbed, outputs={"o0": 7}, inputs={"x": int}, fail_times=99)
    create(wire, name, stubbed, {"x": 3}, "stub")
    ended(wire, name)
    with Client(sandbox.config(flyte_version=2)) as flyte:
        found = flyte.explain(name)
        assert (found.kind, found.node, found.unknown) == (FailureKind.USER_ERROR, "a0", ())
        assert found.attempts[-1].phase == "FAILED"

        long = unique()
        create(wire, long, container(unique("pkg.long"), "sleep", "60"))
        until(wire, long, lambda details: details.status.phase == PHASE.ACTION_PHASE_RUNNING)
        flyte.abort(long, reason="stop it")
        found = flyte.explain(long)
        assert (found.kind, found.node) == (FailureKind.ABORTED, "a0")
        assert "stop it" in found.text

        died = unique()
        create(wire, died, container(unique("pkg.none"), "true", outputs=()), {"x": 1})
        ended(wire, died)
        assert flyte.explain(died).kind is FailureKind.MISSING_OUTPUT
