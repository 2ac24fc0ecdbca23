"""RecoverExecution: what had succeeded is not done again, the rest is; by the records of the other run."""

from __future__ import annotations

import pytest
from flyteidl.admin import execution_pb2
from flyteidl.core import catalog_pb2

from .protos import (
    INTEGER,
    NODE,
    PHASE,
    add_node,
    add_output,
    echo_task,
    echo_workflow,
    literals,
    new_workflow,
    plan_id,
    shell_task,
    unique,
)
from .test_engine import nodes_of
from .test_executions import run_id
from .test_processes import wait_until, write_message
from .test_resume import dynamic_task, lines, step


def test_recover_does_only_what_did_not_succeed(wire, tmp_path):
    log, go = tmp_path / "log", tmp_path / "go"
    name = unique("rec")
    first, second = step(f"{name}.a", log), shell_task(f"{name}.b", f"test -e {go}", {"n": INTEGER})
    outputs = write_message(tmp_path, literals(o0=5))
    first.container.command[2] += f"; cp {outputs} {{{{.outputPrefix}}}}/outputs.pb"
    first.interface.outputs.variables["o0"].type.CopyFrom(INTEGER)
    inner = new_workflow(f"{name}.inner", {}, {"o0": INTEGER})
    add_node(inner, "n0", first)
    add_node(inner, "n1", second, n=("n0", "o0"))
    add_output(inner, "o0", "n0", "o0")
    outer = new_workflow(name, {}, {"o0": INTEGER})
    add_node(outer, "sub", inner.id)
    add_output(outer, "o0", "sub", "o0")
    failed = wire.run(wire.register(outer, inner, tasks=[first, second]))
    assert failed.closure.phase == PHASE.FAILED
    go.touch()
    again = wire.wait(wire.recover(failed.id))
    assert again.closure.phase == PHASE.SUCCEEDED, again.closure.error
    assert again.spec.metadata.mode == execution_pb2.ExecutionMetadata.RECOVERED
    assert again.spec.metadata.reference_execution == failed.id
    assert wire.outputs(again.id) == {"o0": 5}
    assert lines(log).total() == 2  # begin and end of the first task, once
    nodes = nodes_of(wire, again.id, "sub")
    assert (nodes["sub-0-n0"].closure.phase, nodes["sub-0-n1"].closure.phase) == (NODE.RECOVERED, NODE.SUCCEEDED)
    # A recovered run can be recovered in its turn: nothing is left to do.
    third = wire.wait(wire.recover(again.id, unique("third")))
    assert (third.closure.phase, wire.outputs(third.id)) == (PHASE.SUCCEEDED, {"o0": 5})
    assert lines(log).total() == 2


def test_recover_launches_the_child_of_a_failed_launch_plan_node_anew(wire, tmp_path):
    """``nodes/subworkflow/launchplan.go`` recovers the child of a node that SUCCEEDED only, and such a node is not run again."""
    log, go = tmp_path / "log", tmp_path / "go"
    name = unique("rec")
    first, second = step(f"{name}.a", log), shell_task(f"{name}.b", f"test -e {go}")
    child, parent = new_workflow(f"{name}.child"), new_workflow(name)
    add_node(child, "n0", first)
    add_node(child, "n1", second, after=["n0"])
    wire.register(child, tasks=[first, second])
    add_node(parent, "sub", plan_id(f"{name}.child"))
    failed = wire.run(wire.register(parent))
    go.touch()
    again = wire.wait(wire.recover(failed.id))
    assert again.closure.phase == PHASE.SUCCEEDED, again.closure.error
    assert lines(log).total() == 4
    child_id = nodes_of(wire, again.id)["sub"].closure.workflow_node_metadata.executionId
    assert wire.get(child_id).spec.metadata.mode == execution_pb2.ExecutionMetadata.CHILD_WORKFLOW
    assert nodes_of(wire, child_id)["n0"].closure.phase == NODE.SUCCEEDED


def test_a_recovered_node_shows_the_child_and_the_cache_of_the_other_run(wire, tmp_path):
    name, go = unique("rec"), tmp_path / "go"
    child, parent = echo_workflow(wire), new_workflow(name)
    cached = echo_task(f"{name}.cached", {"n": INTEGER}, {"o0": INTEGER}, discoverable=True, discovery_version=name)
    failing = shell_task(f"{name}.failing", f"test -e {go}")
    add_node(parent, "sub", child, n=1)
    add_node(parent, "cached", cached, n=1)
    add_node(parent, "failing", failing, after=["sub", "cached"])
    failed = wire.run(wire.register(parent, tasks=[cached, failing]))
    go.touch()
    again = wire.wait(wire.recover(failed.id))
    assert again.closure.phase == PHASE.SUCCEEDED
    before, after = nodes_of(wire, failed.id), nodes_of(wire, again.id)
    for node_id in ("sub", "cached"):
        assert after[node_id].closure.phase == NODE.RECOVERED
        child = before[node_id].closure.workflow_node_metadata
        assert after[node_id].closure.workflow_node_metadata == child
        cache, recovered = (nodes[node_id].closure.task_node_metadata for nodes in (before, after))
        assert (recovered.cache_status, recovered.catalog_key) == (cache.cache_status, cache.catalog_key)
        assert not recovered.checkpoint_uri  # as the recording has it
    assert after["sub"].closure.workflow_node_metadata.executionId.name
    assert after["cached"].closure.task_node_metadata.cache_status == catalog_pb2.CACHE_POPULATED


def test_recover_hands_the_checkpoint_on(wire, tmp_path):
    go, seen = tmp_path / "go", tmp_path / "seen"
    script = (
        f"echo '{{{{.prevCheckpointPrefix}}}}' > {seen}; echo '{{{{.checkpointOutputPrefix}}}}' > "
        f"{tmp_path}/mine-$FLYTE_ATTEMPT_NUMBER; test -e {go}"
    )
    task = shell_task(unique("task"), script, retries=1)
    wire.register_task(task)
    failed = wire.run(task.id)
    last = (tmp_path / "mine-3").read_text()  # the system has three retries of its own
    go.touch()
    assert wire.wait(wire.recover(failed.id)).closure.phase == PHASE.SUCCEEDED
    assert seen.read_text() == last


def test_recover_keeps_the_workflow_of_a_dynamic_node(wire, tmp_path):
    log, go = tmp_path / "log", tmp_path / "go"
    name = unique("dyn")
    task = dynamic_task(tmp_path, name, log, go)
    wire.register_task(task)
    run = wire.launch(task.id)
    wait_until(lambda: name in nodes_of(wire, run) and f"{name}-0-d1" in nodes_of(wire, run, name))
    wire.terminate(run)
    wire.wait(run)
    before = lines(log)
    go.touch()
    again = wire.wait(wire.recover(run))
    assert again.closure.phase == PHASE.SUCCEEDED, again.closure.error
    assert lines(log) == before
    assert nodes_of(wire, again.id, name)[f"{name}-0-d0"].closure.phase == NODE.RECOVERED


def test_recover_of_what_does_not_exist(wire):
    with pytest.raises(Exception, match="missing entity"):
        wire.recover(run_id("nowhere"))
