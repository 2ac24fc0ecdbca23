"""Restarts and kill -9: finished runs are kept, unfinished ones go on and end once; recovering uses the same machinery."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from flyteidl.core import dynamic_job_pb2, types_pb2, workflow_pb2

from .protos import (
    INTEGER,
    NODE,
    PHASE,
    Wire,
    add_node,
    add_output,
    echo_task,
    echo_workflow,
    gate_workflow,
    literal,
    literals,
    new_workflow,
    plan_id,
    shell_task,
)
from .test_engine import attempts_of, nodes_of
from .test_executions import release
from .test_processes import wait_until, write_message

ROOT = Path(__file__).parents[2]


class Server:
    """A sandbox in a process of its own, to be killed."""

    def __init__(self, directory, *options):
        self._command = [
            sys.executable,
            "-m",
            "bridge_core.sandbox",
            "--data-dir",
            str(directory),
            "--parallelism",
            "4",
            *options,
        ]
        self._ports = ["--port", "0", "--http-port", "0"]

    def start(self):
        self._process = subprocess.Popen([*self._command, *self._ports], stdout=subprocess.PIPE, text=True, cwd=ROOT)
        self.wire = Wire(self._process.stdout.readline().split("gRPC ")[1].split()[0])
        return self.wire

    def kill(self):
        self.wire.close()
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process.stdout.close()


@pytest.fixture
def server(tmp_path):
    running = Server(tmp_path / "data")
    yield running
    running.kill()


def step(name, log, *, seconds=0.0):
    """A task that writes its name when it begins and when it ends."""
    note = f"echo $FLYTE_INTERNAL_EXECUTION_ID {name}"
    script = f"{note} begin >> {log}; sleep {seconds}; {note} end >> {log}"
    return shell_task(name, script, retries=0)


def register_chain(wire, name, log, *, length=3, seconds=0.05):
    template = new_workflow(name)
    tasks = [step(f"{name}.t{index}", log, seconds=seconds) for index in range(length)]
    for index, task in enumerate(tasks):
        add_node(template, f"n{index}", task, after=[f"n{index - 1}"] if index else [])
    return wire.register(template, tasks=tasks)


def lines(log):
    return Counter(log.read_text().splitlines()) if log.exists() else Counter()


def test_killed_at_any_moment_every_run_ends_once(server, tmp_path):
    log = tmp_path / "log"
    wire = server.start()
    chain, echo, gate = register_chain(wire, "chain", log), echo_workflow(wire, "echo"), gate_workflow(wire, "gate")
    done = wire.run(echo, literals(n=4)).id
    held = wire.launch(gate, "held", literals(n=1))
    moments = random.Random(7)
    created = []
    for round_ in range(5):
        created += [wire.launch(chain, f"r{round_}-{number}") for number in range(4)]
        time.sleep(moments.uniform(0.0, 0.4))
        server.kill()
        wire = server.start()
    for run in created:
        execution = wire.wait(run)
        assert execution.closure.phase == PHASE.SUCCEEDED, execution.closure.error
    assert wire.outputs(done) == {"o0": 4}
    assert wire.get(held).closure.phase == PHASE.RUNNING
    wire.wait(held, phases={PHASE.RUNNING})
    release(wire, held, 9)
    assert wire.wait(held).closure.phase == PHASE.SUCCEEDED
    assert wire.outputs(held) == {"o0": 9}
    # As often as an attempt was made, a task began; it ended once, or once more for each time it was killed after its end.
    begun = lines(log)
    for run in created:
        for index in range(3):
            node = nodes_of(wire, run)[f"n{index}"]
            attempts = attempts_of(wire, node)
            assert begun[f"{run.name} chain.t{index} begin"] <= len(attempts)
            assert [attempt.id.retry_attempt for attempt in attempts] == list(range(len(attempts)))
            assert [attempt.closure.phase for attempt in attempts][-1] == 3  # SUCCEEDED
            assert {attempt.closure.error.code for attempt in attempts[:-1]} <= {"SandboxRestarted"}


def test_finished_nodes_are_not_run_again(server, tmp_path):
    log = tmp_path / "log"
    wire = server.start()
    register_chain(wire, "chain", log, seconds=0)
    template = new_workflow("holding")
    node = add_node(template, "sub", plan_id("chain"))
    gate = add_node(template, "gate", after=[node.id])
    gate.gate_node.signal.signal_id = "go"
    gate.gate_node.signal.type.CopyFrom(INTEGER)
    gate.gate_node.signal.output_variable_name = "o0"
    last = step("last", log)
    add_node(template, "last", last, after=["gate"])
    holding = wire.register(template, tasks=[last])
    run = wire.launch(holding, "held")
    wait_until(lambda: "gate" in nodes_of(wire, run))
    before = lines(log)
    assert before.total() == 6
    server.kill()
    wire = server.start()
    assert nodes_of(wire, run)["sub"].closure.phase == NODE.SUCCEEDED
    release(wire, run)
    assert wire.wait(run).closure.phase == PHASE.SUCCEEDED
    assert lines(log) - before == Counter({"held last begin": 1, "held last end": 1})
    started = {name: one.closure.started_at.ToNanoseconds() for name, one in nodes_of(wire, run).items()}
    assert started["sub"] < started["gate"] < started["last"]


def test_an_interrupted_attempt_is_followed_by_another(fresh, connect, tmp_path):
    begun, go = tmp_path / "begun", tmp_path / "go"
    task = shell_task("slow", f"touch {begun}; test -e {go} || exec sleep 600", retries=0)
    sandbox = fresh()
    wire = connect(sandbox)
    wire.register_task(task)
    run = wire.launch(task.id, "slow")
    wait_until(begun.exists)
    sandbox.stop()
    go.touch()
    sandbox.start()
    wire = connect(sandbox)
    assert wire.wait(run).closure.phase == PHASE.SUCCEEDED
    first, second = attempts_of(wire, nodes_of(wire, run)["slow"])
    assert first.closure.error.code == "SandboxRestarted"
    assert (first.closure.phase, second.closure.phase) == (5, 3)  # FAILED, SUCCEEDED


def test_what_was_told_to_stop_ends_aborted(fresh, connect, tmp_path):
    sandbox = fresh()
    wire = connect(sandbox)
    # It ignores SIGTERM for some seconds: the server stops while the run is ABORTING.
    script = f"trap 'sleep 600' TERM; touch {tmp_path / 'started'}; while true; do sleep 0.1; done"
    task = shell_task("stubborn", script)
    template = new_workflow("parent")
    wire.register_task(task)
    add_node(template, "n0", task)
    target = wire.register(template)
    run = wire.launch(target, "stopped")
    wait_until((tmp_path / "started").exists)
    wire.terminate(run, "enough")
    sandbox.stop()
    sandbox.start()
    wire = connect(sandbox)
    closure = wire.wait(run).closure
    assert (closure.phase, closure.abort_metadata.cause) == (PHASE.ABORTED, "enough")
    assert nodes_of(wire, run)["n0"].closure.phase == NODE.ABORTED


def test_a_failure_before_the_restart_still_stops_the_others(fresh, connect, tmp_path):
    sandbox = fresh()
    wire = connect(sandbox)
    stubborn = shell_task("stubborn", f"trap 'sleep 600' TERM; touch {tmp_path / 'a'}; while true; do sleep 0.1; done")
    failing = shell_task("failing", f"while ! test -e {tmp_path / 'a'}; do sleep 0.05; done; exit 3")
    template = new_workflow("both")
    for index, task in enumerate((stubborn, failing)):
        add_node(template, f"n{index}", task)
    target = wire.register(template, tasks=[stubborn, failing])
    run = wire.launch(target, "failing")
    wire.wait(run, phases={PHASE.FAILING})
    sandbox.stop()
    (tmp_path / "a").unlink()
    sandbox.start()
    wire = connect(sandbox)
    closure = wire.wait(run).closure
    assert (closure.phase, closure.error.code) == (PHASE.FAILED, "RetriesExhausted|Interrupted")
    assert nodes_of(wire, run)["n0"].closure.phase == NODE.ABORTED
    assert not (tmp_path / "a").exists()


def test_stored_inputs_that_were_overwritten_do_not_reach_a_resumed_run(fresh, connect):
    sandbox = fresh()
    wire = connect(sandbox)
    template = new_workflow("wf", {"n": INTEGER}, {"o0": INTEGER})
    gate = add_node(template, "gate")
    gate.gate_node.signal.signal_id = "go"
    gate.gate_node.signal.type.CopyFrom(INTEGER)
    gate.gate_node.signal.output_variable_name = "o0"
    task = echo_task("wf.echo", {"n": INTEGER}, {"o0": INTEGER})
    add_node(template, "n0", task, after=["gate"], n=("", "n"))
    add_output(template, "o0", "n0", "o0")
    target = wire.register(template, tasks=[task])
    run = wire.launch(target, "mine", literals(n=1))
    wait_until(lambda: "gate" in nodes_of(wire, run))
    with pytest.raises(Exception, match="already exists"):
        wire.launch(target, "mine", literals(n=2))
    sandbox.stop()
    sandbox.start()
    wire = connect(sandbox)
    release(wire, run)
    wire.wait(run)
    assert wire.outputs(run) == {"o0": 1}


def test_a_sleeping_node_sleeps_the_rest(fresh, connect):
    sandbox = fresh()
    wire = connect(sandbox)
    template = new_workflow("sleeping")
    node = add_node(template, "nap")
    node.gate_node.sleep.duration.FromMilliseconds(2500)
    run = wire.launch(wire.register(template), "sleeping")
    wait_until(lambda: "nap" in nodes_of(wire, run))
    sandbox.stop()
    sandbox.start()
    wire = connect(sandbox)
    assert wire.wait(run).closure.phase == PHASE.SUCCEEDED
    took = nodes_of(wire, run)["nap"].closure.duration.ToNanoseconds() / 1e9
    assert (
        took >= 2.5
    )  # from its first start, not from the restart; and not twice as long, which would be a timing assert


def dynamic_task(tmp_path, name, log, go):
    """A task that writes a workflow of two nodes, of which the second one waits for a file."""
    one, two = step(f"{name}.one", log), shell_task(f"{name}.two", f"test -e {go} || exec sleep 600")
    spec = dynamic_job_pb2.DynamicJobSpec(tasks=[one, two])
    template = workflow_pb2.WorkflowTemplate()
    add_node(template, "d0", one)
    add_node(template, "d1", two, after=["d0"])
    spec.nodes.extend(template.nodes)
    futures = write_message(tmp_path, spec)
    return shell_task(name, f"echo {name} >> {log}; cp {futures} {{{{.outputPrefix}}}}/futures.pb")


def test_what_a_dynamic_task_made_goes_on(fresh, connect, tmp_path):
    log, go = tmp_path / "log", tmp_path / "go"
    sandbox = fresh()
    wire = connect(sandbox)
    task = dynamic_task(tmp_path, "dyn", log, go)
    wire.register_task(task)
    run = wire.launch(task.id, "dynamic")
    wait_until(lambda: "dyn" in nodes_of(wire, run) and "dyn-0-d1" in nodes_of(wire, run, "dyn"))
    before = lines(log)
    sandbox.stop()
    go.touch()
    sandbox.start()
    wire = connect(sandbox)
    assert wire.wait(run).closure.phase == PHASE.SUCCEEDED
    assert lines(log) == before
    assert len(attempts_of(wire, nodes_of(wire, run, "dyn")["dyn-0-d1"])) == 2


def register_map(wire, name, script, *, size=4):
    """A map task over `size` items that runs `script` with $FLYTE_K8S_ARRAY_INDEX."""
    task = shell_task(f"{name}.item", script, {"n": types_pb2.LiteralType(collection_type=INTEGER)})
    template = new_workflow(name)
    node = template.nodes.add(id="n0")
    node.metadata.name = "n0"
    node.array_node.node.id = "inner"
    node.array_node.node.task_node.reference_id.CopyFrom(task.id)
    binding = node.inputs.add(var="n").binding
    for number in range(size):
        binding.collection.bindings.add().scalar.CopyFrom(literal(number).scalar)
    return wire.register(template, tasks=[task])


def test_finished_items_of_an_array_are_not_run_again(fresh, connect, tmp_path):
    log, go = tmp_path / "log", tmp_path / "go"
    sandbox = fresh(parallelism=4)
    wire = connect(sandbox)
    index = "$FLYTE_K8S_ARRAY_INDEX"
    script = f"echo {index} >> {log}; test {index} -lt 2 || test -e {go} || exec sleep 600"
    run = wire.launch(register_map(wire, "mapped", script), "mapped")

    def phases():
        (record,) = attempts_of(wire, nodes_of(wire, run)["n0"])
        # The last attempt of each item: all have a resource (flyte1-engine-real.md, row 10).
        last = {resource.index: resource.phase for resource in record.closure.metadata.external_resources}
        return list(last.values())

    wait_until(lambda: "n0" in nodes_of(wire, run) and phases() == [3, 3, 2, 2] and lines(log).total() == 4)
    sandbox.stop()
    go.touch()
    sandbox.start()
    wire = connect(sandbox)
    assert wire.wait(run).closure.phase == PHASE.SUCCEEDED
    assert lines(log) == Counter({"0": 1, "1": 1, "2": 2, "3": 2})
    assert phases() == [3, 3, 3, 3]
