"""How much of a run happens at once: max_parallelism, serialized caches; and what never happens: arms not taken."""

from __future__ import annotations

import itertools

from flyteidl.admin import signal_pb2
from flyteidl.core import errors_pb2

from .protos import (
    INTEGER,
    NODE,
    PHASE,
    add_node,
    gate_workflow,
    literal,
    literals,
    new_workflow,
    plan_id,
    shell_task,
    unique,
)
from .test_engine import nodes_of
from .test_processes import wait_until, write_message
from .test_resume import register_map


def most_at_once(log):
    return max(itertools.accumulate(1 if line == "+" else -1 for line in log.read_text().splitlines()))


def test_max_parallelism_limits_one_run(fresh, connect, tmp_path):
    sandbox = fresh(parallelism=8)
    wire = connect(sandbox)
    log, other, go = tmp_path / "log", tmp_path / "other", tmp_path / "go"
    task = shell_task("held", f"echo + >> {log}; while ! test -e {go}; do sleep 0.05; done; echo - >> {log}")
    template = new_workflow("limited")
    for number in range(6):
        add_node(template, f"n{number}", task)
    run = wire.launch(wire.register(template, tasks=[task]), "limited", max_parallelism=2)
    wait_until(lambda: log.exists() and len(log.read_text().splitlines()) == 2)
    # Who waits has no record (flyte1-engine-real.md, row 7b).
    assert len([name for name in nodes_of(wire, run) if name.startswith("n")]) == 2
    # Another run is not held up by it, though it came later.
    task = shell_task("free", f"touch {other}")
    wire.register_task(task)
    assert wire.run(task.id).closure.phase == PHASE.SUCCEEDED
    go.touch()
    assert wire.wait(run).closure.phase == PHASE.SUCCEEDED
    assert most_at_once(log) == 2
    assert len(log.read_text().splitlines()) == 12


def test_max_parallelism_counts_no_items_of_arrays(fresh, connect, tmp_path):
    wire = connect(fresh(parallelism=8))
    log, go = tmp_path / "log", tmp_path / "go"
    held = f"echo + >> {log}; while ! test -e {go}; do sleep 0.05; done"
    run = wire.launch(register_map(wire, "mapped", held, size=3), "mapped", max_parallelism=1)
    wait_until(lambda: log.exists() and len(log.read_text().splitlines()) == 3)
    go.touch()
    assert wire.wait(run).closure.phase == PHASE.SUCCEEDED


def test_max_parallelism_counts_launch_plan_nodes(fresh, connect):
    """One child at a time, and each has the limit of its parent (flyte1-engine-real.md, row 7)."""
    wire = connect(fresh())
    child, template = gate_workflow(wire, "child"), new_workflow("parent")
    for number in range(3):
        add_node(template, f"n{number}", child, n=number)
    run = wire.launch(wire.register(template), "parent", max_parallelism=1)
    for number in range(3):
        wait_until(lambda name=f"n{number}": name in nodes_of(wire, run))
        assert f"n{number + 1}" not in nodes_of(wire, run)
        identifier = nodes_of(wire, run)[f"n{number}"].closure.workflow_node_metadata.executionId
        assert wire.wait(identifier, phases={PHASE.RUNNING}).spec.max_parallelism == 1
        wait_until(lambda one=identifier: "n0" in nodes_of(wire, one))
        signal = signal_pb2.SignalSetRequest(value=literal(number))
        signal.id.signal_id = "go"
        signal.id.execution_id.CopyFrom(identifier)
        wire.signals.SetSignal(signal)
    assert wire.wait(run).closure.phase == PHASE.SUCCEEDED


def serialized_task(name, tmp_path, script=""):
    outputs = write_message(tmp_path, literals(o0=5))
    log = tmp_path / "log"
    task = shell_task(
        name,
        f"echo + >> {log}; {script} cp {outputs} {{{{.outputPrefix}}}}/outputs.pb",
        {"n": INTEGER},
        {"o0": INTEGER},
    )
    task.metadata.discoverable = True
    task.metadata.discovery_version = "1"
    task.metadata.cache_serializable = True
    return task, log


def test_of_tasks_with_one_cache_key_one_runs_and_the_others_find_its_outputs(fresh, connect, tmp_path):
    sandbox = fresh(parallelism=8)
    wire = connect(sandbox)
    task, log = serialized_task("slow", tmp_path, f"while ! test -e {tmp_path / 'go'}; do sleep 0.05; done;")
    wire.register_task(task)
    runs = [wire.launch(task.id, f"same-{number}", literals(n=1)) for number in range(4)]
    wait_until(log.exists)
    stopped = wire.launch(task.id, "stopped", literals(n=1))
    wait_until(lambda: "slow" in nodes_of(wire, stopped))
    wire.terminate(stopped)
    assert wire.wait(stopped).closure.phase == PHASE.ABORTED  # while it waits for the others
    (tmp_path / "go").touch()
    for run in runs:
        assert wire.wait(run).closure.phase == PHASE.SUCCEEDED
        assert wire.outputs(run) == {"o0": 5}
    assert log.read_text() == "+\n"
    statuses = sorted(nodes_of(wire, run)["slow"].closure.task_node_metadata.cache_status for run in runs)
    assert statuses == [2, 2, 2, 3]  # CACHE_HIT three times, CACHE_POPULATED once


def test_a_failed_holder_lets_the_next_one_try(fresh, connect, tmp_path):
    sandbox = fresh(parallelism=8)
    wire = connect(sandbox)
    document = errors_pb2.ErrorDocument()
    document.error.code, document.error.kind = "USER:First", errors_pb2.ContainerError.NON_RECOVERABLE
    error = write_message(tmp_path, document)
    script = f"test $(wc -l < {tmp_path / 'log'}) -gt 1 || cp {error} {{{{.outputPrefix}}}}/error.pb;"
    task, log = serialized_task("flaky", tmp_path, script)
    wire.register_task(task)
    runs = [wire.launch(task.id, f"same-{number}", literals(n=1)) for number in range(3)]
    phases = sorted(wire.wait(run).closure.phase for run in runs)
    assert phases == [PHASE.SUCCEEDED, PHASE.SUCCEEDED, PHASE.FAILED]
    assert log.read_text() == "+\n" * 2


def test_arms_that_are_not_taken_leave_no_trace(wire, tmp_path):
    name = unique("branch")
    template = new_workflow(name, {"n": INTEGER})
    node = add_node(template, "n0", n=("", "n"))
    tasks = [shell_task(f"{name}.{arm}", f"touch {tmp_path / arm}") for arm in ("yes", "no")]
    block = node.branch_node.if_else
    block.case.condition.comparison.left_value.var = "n"
    block.case.condition.comparison.right_value.primitive.integer = 1
    for task, arm in zip(tasks, (block.case.then_node, block.else_node), strict=True):
        arm.id = task.id.name.rpartition(".")[2]
        arm.task_node.reference_id.CopyFrom(task.id)
    wire.register(template, tasks=tasks)
    run = wire.run(plan_id(name), literals(n=1)).id
    arms = {node.metadata.spec_node_id: node.closure.phase for node in nodes_of(wire, run, "n0").values()}
    assert arms == {"n0-yes": NODE.SUCCEEDED}
    assert [path.name for path in tmp_path.iterdir()] == ["yes"]
