"""Tasks that die as pods do on a cluster: what FlytePropeller makes of it (flyteplugins ``flytek8s/pod_helper.go``)."""

from __future__ import annotations

import pytest
from flyteidl.core import execution_pb2

from .protos import NODE, PHASE, TASK, D, P, add_node, new_workflow, shell_task, timed_workflow, unique
from .test_engine import attempts_of, nodes_of

USER, SYSTEM = execution_pb2.ExecutionError.USER, execution_pb2.ExecutionError.SYSTEM


@pytest.fixture
def plan(sandbox):
    """Plans deaths; forgets them at the end."""
    yield sandbox.faults.kill_task
    sandbox.faults.clear()


def task_node(wire, run):
    return nodes_of(wire, run)["n0"]


def one_node(wire, script="sleep 600", *, retries=0):
    task = shell_task(unique("doomed"), script, retries=retries)
    template = new_workflow(unique("wf"))
    add_node(template, "n0", task)
    return wire.register(template, tasks=[task])


def test_out_of_memory_takes_the_retries_of_the_task(wire, plan):
    target = one_node(wire, "echo going; sleep 600", retries=1)
    plan("oom", node="n0", after=2.5)  # it has spoken by then
    run = wire.run(target)
    error = run.closure.error
    assert (run.closure.phase, error.code, error.kind) == (PHASE.FAILED, "RetriesExhausted|OOMKilled", USER)
    start = "[2/2] currentAttempt done. Last Error: USER::Pod failed. No message received from kubernetes.\r\n"
    pod = f"[{run.id.name}-n0-1] terminated with exit code (137). Reason [OOMKilled]. Message: \ngoing\n."
    assert error.message == start + pod
    errors = [attempt.closure.error for attempt in attempts_of(wire, task_node(wire, run.id))]
    assert [(one.code, one.kind) for one in errors] == [("OOMKilled", USER)] * 2


@pytest.mark.parametrize(
    ("kind", "more", "text"),
    [
        ("eviction", {}, "The node was low on resource: memory."),
        ("shutdown", {}, "Pod was terminated in response to imminent node shutdown."),
        ("exit", {"exit_code": 143}, "terminated with exit code (143). Reason [Error]."),
        ("exit", {"exit_code": 137}, "terminated with exit code (137). Reason [Error]."),
    ],
)
def test_what_the_cluster_did_is_tried_three_more_times(wire, plan, kind, more, text):
    target = one_node(wire)
    plan(kind, node="n0", **more)
    run = wire.run(target)
    error = run.closure.error
    assert (error.code, error.kind) == ("RetriesExhausted|Interrupted", USER)
    assert error.message.startswith("[3/3] currentAttempt done. Last Error: SYSTEM::")
    assert text in error.message
    attempts = attempts_of(wire, task_node(wire, run.id))
    assert [(one.closure.error.code, one.closure.error.kind) for one in attempts] == [("Interrupted", SYSTEM)] * 4


def test_a_pod_that_somebody_deleted_is_made_again(wire, plan, sandbox):
    target = one_node(wire, 'test "$FLYTE_ATTEMPT_NUMBER" != 0 || sleep 600')
    plan("deletion", node="n0", times=1, after=0.3)
    run = wire.run(target)
    assert run.closure.phase == PHASE.SUCCEEDED
    first, second = attempts_of(wire, task_node(wire, run.id))
    pod = f"{run.id.name}-n0-0"
    assert first.closure.error.code == "ResourceDeletedExternally"
    assert first.closure.error.message == (f'resource not found, name [{P}-{D}/{pod}]. reason: pods "{pod}" not found')
    assert second.closure.phase == TASK.SUCCEEDED
    sandbox.faults.assert_consumed()


def test_only_what_was_named_dies(wire, plan):
    target = one_node(wire, "true")
    plan("oom", execution="another", times=1)
    plan("oom", task="another", times=1)
    assert wire.run(target).closure.phase == PHASE.SUCCEEDED


def test_what_was_planned_and_did_not_happen_is_told(sandbox, plan):
    plan("oom", task="pkg.train", times=2)
    with pytest.raises(AssertionError, match=r"oom of task pkg\.train: 2 left"):
        sandbox.faults.assert_consumed()
    for wrong in ({"kind": "fire"}, {"kind": "oom", "times": 0}, {"kind": "exit", "exit_code": 256}):
        with pytest.raises(ValueError, match=r"wanted one of|times must|exit_code in"):
            sandbox.faults.kill_task(**wrong)


def test_what_a_sub_workflow_has_left_behind_goes_on(wire, tmp_path):
    """FlytePropeller stops nothing when it has taken too long; its records stay as they are (flyte1-engine-real.md, row 5)."""
    from .protos import workflow_id
    from .test_processes import wait_until

    slow = shell_task(unique("slow"), f"touch {tmp_path}/begun; sleep 2; touch {tmp_path}/ended")
    inner, template = new_workflow(unique("inner")), new_workflow(unique("outer"))
    add_node(inner, "in", slow)
    node = add_node(template, "n0", workflow_id(inner.id.name))
    node.metadata.timeout.FromMilliseconds(900)
    run = wire.run(wire.register(template, inner, tasks=[slow]))
    assert run.closure.error.code == "RetriesExhausted|TimeoutExpired"
    if (tmp_path / "begun").exists():
        child = nodes_of(wire, run.id, "n0")["n0-0-in"]
        assert child.closure.phase == NODE.RUNNING
        wait_until((tmp_path / "ended").exists)
        assert nodes_of(wire, run.id, "n0")["n0-0-in"].closure.phase == NODE.RUNNING


def test_a_timed_out_task_is_stopped(wire, tmp_path):
    task = shell_task(unique("slow"), f"sleep 2; touch {tmp_path}/ended")
    assert wire.run(timed_workflow(wire, task, 500)).closure.phase == PHASE.FAILED
    assert not (tmp_path / "ended").exists()
