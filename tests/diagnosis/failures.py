"""Ways for a run to fail, each on the embedded Flyte: what is registered and launched, and who is to blame then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flyteidl.admin import signal_pb2
from flyteidl.core import condition_pb2, errors_pb2, types_pb2
from flyteidl.core import execution_pb2 as core_execution_pb2
from sandbox.protos import (
    INTEGER,
    Wire,
    add_node,
    echo_task,
    literal,
    literals,
    new_workflow,
    plan_id,
    shell_task,
    timed_workflow,
    unique,
    workflow_id,
)
from sandbox.test_arrays import LIST, array_workflow, nothing
from sandbox.test_connectors import task_of
from sandbox.test_engine import compare, nodes_of
from sandbox.test_processes import wait_until, write_message

from bridge_core import FailureKind
from bridge_core.sandbox import Sandbox

TRACE = """Trace:

    Traceback (most recent call last):
      File "/root/work.py", line 7, in train
        return {what}

Message:

    {what}"""


@dataclass
class Failing:
    """One run that failed, and what is true of it."""

    run: Any
    kind: FailureKind
    node: str | None
    items: str = ""
    in_child: bool = False
    says: str = ""
    waits: tuple[str, ...] = ()
    attempts: int | None = None
    more: dict[str, Any] = field(default_factory=dict)


def raising(folder: Path, what: str, *, code: str = "USER:ValueError", recoverable: bool = False) -> str:
    """A line of shell that ends as a task of flytekit's does that raised."""
    document = errors_pb2.ErrorDocument()
    document.error.code, document.error.message = code, TRACE.format(what=what)
    document.error.kind = (
        errors_pb2.ContainerError.RECOVERABLE if recoverable else errors_pb2.ContainerError.NON_RECOVERABLE
    )
    document.error.origin = core_execution_pb2.ExecutionError.USER
    return f"cp {write_message(folder, document)} {{{{.outputPrefix}}}}/error.pb"


def run_task(wire: Wire, task: Any, inputs: Any = None) -> Any:
    """Runs a workflow of one node, ``n0``."""
    template = new_workflow(unique("wf"), {name: item.type for name, item in task.interface.inputs.variables.items()})
    add_node(template, "n0", task, **{name: ("", name) for name in task.interface.inputs.variables})
    return wire.run(wire.register(template, tasks=[task]), inputs).id


def user_error(sandbox: Sandbox, wire: Wire, folder: Path) -> Failing:
    run = run_task(wire, shell_task(unique("train"), raising(folder, "ValueError: no rows")))
    return Failing(run, FailureKind.USER_ERROR, "n0", says="ValueError: no rows")


def user_error_in_a_map_item(sandbox: Sandbox, wire: Wire, folder: Path) -> Failing:
    script = f'test "{{{{.inputs.n}}}}" != 2 || {raising(folder, "ValueError: odd 2")}'
    task = shell_task(unique("item"), script, {"n": LIST})
    run = wire.run(wire.register(array_workflow(wire, task, nothing, ["n"]), tasks=[task]), literals(n=[1, 2, 3])).id
    return Failing(run, FailureKind.USER_ERROR, "n0", items="[1]", says="ValueError: odd 2")


def user_error_in_a_sub_workflow(sandbox: Sandbox, wire: Wire, folder: Path) -> Failing:
    bad, good = shell_task(unique("bad"), raising(folder, "KeyError: 'x'")), shell_task(unique("good"), "sleep 600")
    inner, template = new_workflow(unique("inner")), new_workflow(unique("outer"))
    add_node(inner, "first", bad)
    add_node(inner, "second", good)
    add_node(template, "n0", workflow_id(inner.id.name))
    run = wire.run(wire.register(template, inner, tasks=[bad, good])).id
    return Failing(run, FailureKind.USER_ERROR, "n0-0-first", says="KeyError: 'x'")


def service_away(sandbox: Sandbox, wire: Wire, folder: Path) -> Failing:
    run = run_task(
        wire, shell_task(unique("fetch"), raising(folder, "ConnectionRefusedError: [Errno 111] Connection refused"))
    )
    return Failing(run, FailureKind.SERVICE_AWAY, "n0")


def retries_exhausted(sandbox: Sandbox, wire: Wire, folder: Path) -> Failing:
    script = raising(folder, "FlyteRecoverableException: later", code="USER:Recoverable", recoverable=True)
    run = run_task(wire, shell_task(unique("flaky"), script, retries=2))
    return Failing(run, FailureKind.RETRIES_EXHAUSTED, "n0", attempts=3, waits=("retries",))


def out_of_memory(sandbox: Sandbox, wire: Wire, folder: Path) -> Failing:
    task = shell_task(unique("big"), "echo loading; sleep 600")
    sandbox.faults.kill_task("oom", task=task.id.name, after=2.5)  # it has spoken by then
    return Failing(run_task(wire, task), FailureKind.OUT_OF_MEMORY, "n0", says="loading")


def evicted(sandbox: Sandbox, wire: Wire, folder: Path) -> Failing:
    task = shell_task(unique("evicted"), "sleep 600")
    sandbox.faults.kill_task("eviction", task=task.id.name)
    return Failing(run_task(wire, task), FailureKind.INTERRUPTED, "n0", attempts=4)


def timed_out(sandbox: Sandbox, wire: Wire, folder: Path) -> Failing:
    run = wire.run(timed_workflow(wire, shell_task(unique("slow"), "sleep 600"), 400)).id
    return Failing(run, FailureKind.TIMED_OUT, "n0")


def waited_for_the_cache(sandbox: Sandbox, wire: Wire, folder: Path) -> Failing:
    """One run computes, the other waits for its result until its own time is over."""
    begun = folder / "begun"
    task = shell_task(unique("serial"), f"touch {begun}; sleep 600", {"n": INTEGER}, {})
    task.metadata.discoverable, task.metadata.discovery_version, task.metadata.cache_serializable = True, "1", True
    target = timed_workflow(wire, task, 600)
    holder = wire.launch(task.id, inputs=literals(n=1))
    wait_until(begun.exists)
    run = wire.run(target, literals(n=1)).id
    wire.terminate(holder)
    return Failing(run, FailureKind.TIMED_OUT, "n0", waits=("cache",), attempts=0)


def child_failed(sandbox: Sandbox, wire: Wire, folder: Path) -> Failing:
    task = shell_task(unique("inside"), raising(folder, "ValueError: in the child"))
    child = new_workflow(unique("child"))
    add_node(child, "deep", task)
    wire.register(child, tasks=[task])
    template = new_workflow(unique("parent"))
    add_node(template, "n0", plan_id(child.id.name))
    run = wire.run(wire.register(template)).id
    return Failing(run, FailureKind.USER_ERROR, "deep", in_child=True, says="in the child", waits=("run",))


def child_aborted(sandbox: Sandbox, wire: Wire, folder: Path) -> Failing:
    task = shell_task(unique("long"), "sleep 600")
    child = new_workflow(unique("child"))
    add_node(child, "deep", task)
    wire.register(child, tasks=[task])
    template = new_workflow(unique("parent"))
    add_node(template, "n0", plan_id(child.id.name))
    run = wire.launch(wire.register(template))
    wait_until(
        lambda: "n0" in nodes_of(wire, run) and _child(wire, run) and "deep" in nodes_of(wire, _child(wire, run))
    )
    wire.terminate(_child(wire, run), "Ann: wrong data")
    wire.wait(run)
    return Failing(run, FailureKind.ABORTED, "deep", in_child=True, says="aborted: Ann: wrong data")


def _child(wire: Wire, run: Any) -> Any:
    child = nodes_of(wire, run)["n0"].closure.workflow_node_metadata.executionId
    return child if child.name else None


def gate_rejected(sandbox: Sandbox, wire: Wire, folder: Path) -> Failing:
    template = new_workflow(unique("approve"), {"n": INTEGER})
    add_node(template, "ok", n=("", "n")).gate_node.approve.signal_id = "ok"
    run = wire.launch(wire.register(template), inputs=literals(n=1))
    wait_until(lambda: "ok" in nodes_of(wire, run))
    signal = signal_pb2.SignalSetRequest(value=literal(False))
    signal.id.signal_id = "ok"
    signal.id.execution_id.CopyFrom(run)
    wire.signals.SetSignal(signal)
    wire.wait(run)
    return Failing(run, FailureKind.GATE_REJECTED, "ok", waits=("gate",))


def missing_output(sandbox: Sandbox, wire: Wire, folder: Path) -> Failing:
    run = run_task(wire, shell_task(unique("silent"), "true", outputs={"o0": INTEGER}))
    return Failing(run, FailureKind.MISSING_OUTPUT, "n0")


def image_refused(sandbox: Sandbox, wire: Wire, folder: Path) -> Failing:
    task = shell_task(unique("raw"), "true")
    task.type, task.container.image = "raw-container", "registry.example.com/nosuch:1"
    config = task.container.data_config
    config.enabled, config.input_path, config.output_path = True, "/var/inputs", "/var/outputs"
    return Failing(run_task(wire, task), FailureKind.IMAGE_REFUSED, "n0", says="nosuch:1")


def connector_failed(sandbox: Sandbox, wire: Wire, folder: Path) -> Failing:
    run = run_task(wire, task_of("job"), literals(n=1))
    return Failing(run, FailureKind.CONNECTOR_FAILED, "n0", says="no quota left")


def no_branch(sandbox: Sandbox, wire: Wire, folder: Path) -> Failing:
    task = echo_task(unique("echo"), {"n": INTEGER}, {"o0": INTEGER})
    template = new_workflow(unique("branch"), {"n": INTEGER})
    block = add_node(template, "n0", n=("", "n")).branch_node.if_else
    compare(block.case, "n", condition_pb2.ComparisonExpression.LT, 3)
    block.case.then_node.id = "arm"
    from sandbox.protos import fill_node

    fill_node(block.case.then_node, task, n=("", "n"))
    block.error.message = "n is wrong"
    run = wire.run(wire.register(template, tasks=[task]), literals(n=9)).id
    return Failing(run, FailureKind.NO_BRANCH, "n0", says="n is wrong")


def not_bound(sandbox: Sandbox, wire: Wire, folder: Path) -> Failing:
    numbers = types_pb2.LiteralType(collection_type=INTEGER)
    first = echo_task(unique("list"), {"n": numbers}, {"o0": numbers})
    second = echo_task(unique("one"), {"n": INTEGER}, {"o0": INTEGER})
    template = new_workflow(unique("bind"), {"n": numbers})
    add_node(template, "n0", first, n=("", "n"))
    add_node(template, "n1", second, n=("n0", "o0", 7))
    run = wire.run(wire.register(template, tasks=[first, second]), literals(n=[1])).id
    return Failing(run, FailureKind.NOT_BOUND, "n1")


def aborted_by_a_person(sandbox: Sandbox, wire: Wire, folder: Path) -> Failing:
    begun = folder / "going"
    task = shell_task(unique("long"), f"touch {begun}; sleep 600")
    template = new_workflow(unique("wf"))
    add_node(template, "n0", task)
    run = wire.launch(wire.register(template, tasks=[task]))
    wait_until(begun.exists)
    wire.terminate(run, "Ann: the wrong day")
    wire.wait(run)
    return Failing(run, FailureKind.ABORTED, "n0", says="Ann: the wrong day")


def deleted_pod(sandbox: Sandbox, wire: Wire, folder: Path) -> Failing:
    task = shell_task(unique("deleted"), "sleep 600")
    sandbox.faults.kill_task("deletion", task=task.id.name)
    return Failing(run_task(wire, task), FailureKind.INTERRUPTED, "n0")


FAILURES: tuple[Callable[[Sandbox, Wire, Path], Failing], ...] = (
    user_error,
    user_error_in_a_map_item,
    user_error_in_a_sub_workflow,
    service_away,
    retries_exhausted,
    out_of_memory,
    evicted,
    timed_out,
    waited_for_the_cache,
    child_failed,
    child_aborted,
    gate_rejected,
    missing_output,
    image_refused,
    connector_failed,
    no_branch,
    not_bound,
    aborted_by_a_person,
)
