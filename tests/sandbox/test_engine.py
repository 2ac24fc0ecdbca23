"""The engine, on workflows made of echo tasks, gates and shell tasks: graphs, branches, children, failures."""

from __future__ import annotations

import threading
import time

import pytest
from flyteidl.admin import node_execution_pb2, signal_pb2, task_execution_pb2
from flyteidl.core import catalog_pb2, condition_pb2, types_pb2, workflow_pb2

from bridge_core.sandbox import Sandbox

from .protos import (
    FLOAT,
    INTEGER,
    NODE,
    PHASE,
    add_node,
    add_output,
    echo_task,
    echo_workflow,
    fill_node,
    gate_workflow,
    literal,
    literals,
    new_workflow,
    rejected,
    shell_task,
    unique,
    values,
)

LIST = types_pb2.LiteralType(collection_type=INTEGER)


def nodes_of(wire, run, parent=""):
    request = node_execution_pb2.NodeExecutionListRequest(workflow_execution_id=run, unique_parent_id=parent, limit=100)
    return {node.id.node_id: node for node in wire.admin.ListNodeExecutions(request).node_executions}


def node_data(wire, node):
    request = node_execution_pb2.NodeExecutionGetDataRequest(id=node.id)
    return wire.admin.GetNodeExecutionData(request)


def attempts_of(wire, node):
    request = task_execution_pb2.TaskExecutionListRequest(node_execution_id=node.id, limit=100)
    return list(wire.admin.ListTaskExecutions(request).task_executions)


def compare(branch_case, var, operator, number):
    comparison = branch_case.condition.comparison
    comparison.operator = operator
    comparison.left_value.var = var
    comparison.right_value.primitive.integer = number


def test_nodes_have_records_with_start_and_end(wire):
    run = wire.run(echo_workflow(wire), literals(n=4)).id
    nodes = nodes_of(wire, run)
    assert set(nodes) == {"start-node", "n0", "end-node"}
    assert {node.closure.phase for node in nodes.values()} == {NODE.SUCCEEDED}
    node = nodes["n0"]
    assert node.metadata.spec_node_id == "n0"
    data = node_data(wire, node)
    assert (values(data.full_inputs), values(data.full_outputs)) == ({"n": 4}, {"o0": 4})
    (attempt,) = attempts_of(wire, node)
    assert attempt.id.task_id.name.endswith(".task")
    got = wire.admin.GetTaskExecution(task_execution_pb2.TaskExecutionGetRequest(id=attempt.id))
    assert got == attempt
    data = wire.admin.GetTaskExecutionData(task_execution_pb2.TaskExecutionGetDataRequest(id=attempt.id))
    assert values(data.full_outputs) == {"o0": 4}
    missing = node_execution_pb2.NodeExecutionGetRequest(id=node.id)
    missing.id.node_id = "nowhere"
    rejected("NOT_FOUND", wire.admin.GetNodeExecution, missing)


def test_sub_workflow(wire):
    name = unique("outer")
    task = echo_task(f"{name}.task", {"n": INTEGER}, {"o0": INTEGER})
    inner = new_workflow(f"{name}.inner", {"n": INTEGER}, {"o0": INTEGER})
    add_node(inner, "n0", task, n=("", "n"))
    add_output(inner, "o0", "n0", "o0")
    outer = new_workflow(name, {"n": INTEGER}, {"o0": INTEGER})
    add_node(outer, "n0", inner.id, n=("", "n"))
    add_node(outer, "n1", inner.id, n=("n0", "o0"))
    add_output(outer, "o0", "n1", "o0")
    target = wire.register(outer, inner, tasks=[task])
    run = wire.run(target, literals(n=5)).id
    assert wire.outputs(run) == {"o0": 5}
    nodes = nodes_of(wire, run)
    assert nodes["n0"].metadata.is_parent_node
    assert set(nodes_of(wire, run, "n0")) == {"n0-0-start-node", "n0-0-n0", "n0-0-end-node"}


def test_launch_plan_node_starts_a_child_execution(wire):
    inner = echo_workflow(wire)
    outer = new_workflow(unique("outer"), {"n": INTEGER}, {"o0": INTEGER})
    add_node(outer, "n0", inner, n=("", "n"))
    add_output(outer, "o0", "n0", "o0")
    run = wire.run(wire.register(outer), literals(n=6)).id
    assert wire.outputs(run) == {"o0": 6}
    node = nodes_of(wire, run)["n0"]
    assert not node.metadata.is_parent_node
    child = wire.get(node.closure.workflow_node_metadata.executionId)
    assert child.closure.phase == PHASE.SUCCEEDED
    assert child.spec.metadata.mode == child.spec.metadata.CHILD_WORKFLOW
    assert child.spec.metadata.parent_node_execution.execution_id == run
    assert child.spec.metadata.nesting == 1


def test_terminating_a_run_terminates_its_children(wire):
    inner = gate_workflow(wire)
    outer = new_workflow(unique("outer"), {"n": INTEGER})
    add_node(outer, "n0", inner, n=("", "n"))
    run = wire.launch(wire.register(outer), inputs=literals(n=6))
    while (
        "n0" not in nodes_of(wire, run) or not nodes_of(wire, run)["n0"].closure.workflow_node_metadata.executionId.name
    ):
        time.sleep(0.02)
    child = nodes_of(wire, run)["n0"].closure.workflow_node_metadata.executionId
    wire.terminate(run)
    assert wire.wait(run).closure.phase == PHASE.ABORTED
    assert wire.wait(child).closure.phase == PHASE.ABORTED
    assert nodes_of(wire, run)["n0"].closure.phase == NODE.ABORTED


@pytest.mark.parametrize(("n", "expected"), [(1, 100), (5, 200), (50, 300)])
def test_branch(wire, n, expected):
    name = unique("branch")
    task = echo_task(f"{name}.task", {"n": INTEGER}, {"o0": INTEGER})
    template = new_workflow(name, {"n": INTEGER}, {"o0": INTEGER})
    node = add_node(template, "n0", n=("", "n"))
    block = node.branch_node.if_else
    for case, limit, result in ((block.case, 3, 100), (block.other.add(), 10, 200)):
        compare(case, "n", condition_pb2.ComparisonExpression.LT, limit)
        case.then_node.id = f"arm{result}"
        fill_node(case.then_node, task, n=result)
    block.else_node.id = "otherwise"
    fill_node(block.else_node, task, n=300)
    add_output(template, "o0", "n0", "o0")
    target = wire.register(template, tasks=[task])
    run = wire.run(target, literals(n=n)).id
    assert wire.outputs(run) == {"o0": expected}
    assert nodes_of(wire, run)["n0"].metadata.is_parent_node
    # Called after the branch, and of the arms that are not taken there is no record (flyte1-engine-real.md, row 4).
    arm = {100: "n0-arm100", 200: "n0-arm200", 300: "n0-otherwise"}[expected]
    ((unique_id, node),) = nodes_of(wire, run, "n0").items()
    assert node.metadata.spec_node_id == arm
    assert node.closure.phase == NODE.SUCCEEDED
    assert unique_id == f"n0-0-{arm}"


def test_branch_conjunction_and_missing_else(wire):
    name = unique("branch")
    task = echo_task(f"{name}.task", {"n": INTEGER}, {"o0": INTEGER})
    template = new_workflow(name, {"n": INTEGER}, {"o0": INTEGER})
    node = add_node(template, "n0", n=("", "n"))
    block = node.branch_node.if_else
    both = block.case.condition.conjunction
    for side, operator, number in (
        (both.left_expression, condition_pb2.ComparisonExpression.GTE, 3),
        (both.right_expression, condition_pb2.ComparisonExpression.NEQ, 4),
    ):
        side.comparison.operator = operator
        side.comparison.left_value.var = "n"
        side.comparison.right_value.primitive.integer = number
    block.case.then_node.id = "arm"
    fill_node(block.case.then_node, task, n=("", "n"))
    block.error.message = "n is wrong"
    add_output(template, "o0", "n0", "o0")
    target = wire.register(template, tasks=[task])
    assert wire.run(target, literals(n=3)).closure.phase == PHASE.SUCCEEDED
    closure = wire.run(target, literals(n=4)).closure
    assert closure.phase == PHASE.FAILED
    assert closure.error.message == "[UserProvidedError] n is wrong"


def test_comparing_different_types_is_refused(wire):
    name = unique("branch")
    task = echo_task(f"{name}.task", {}, {})
    template = new_workflow(name, {"x": FLOAT})
    node = add_node(template, "n0", x=("", "x"))
    block = node.branch_node.if_else
    compare(block.case, "x", condition_pb2.ComparisonExpression.LT, 3)
    block.case.then_node.id = "arm"
    fill_node(block.case.then_node, task)
    block.error.message = "too much"
    text = rejected("INVALID_ARGUMENT", wire.register, template, tasks=[task])
    assert "Variable [RightValue] (type [simple:INTEGER]) doesn't match expected type [simple:FLOAT]." in text


def test_approval_and_rejection(wire):
    name = unique("approve")
    task = echo_task(f"{name}.task", {"n": INTEGER}, {"o0": INTEGER})
    template = new_workflow(name, {"n": INTEGER}, {"o0": INTEGER})
    gate = add_node(template, "n0", n=("", "n"))
    gate.gate_node.approve.signal_id = "ok"
    add_node(template, "n1", task, n=("n0", "n"))
    add_output(template, "o0", "n1", "o0")
    target = wire.register(template, tasks=[task])
    for answer, phase in ((True, PHASE.SUCCEEDED), (False, PHASE.FAILED)):
        run = wire.launch(target, inputs=literals(n=1))
        wire.wait(run, phases={PHASE.RUNNING})
        signal = signal_pb2.SignalSetRequest(value=literal(answer))
        signal.id.signal_id = "ok"
        signal.id.execution_id.CopyFrom(run)
        wire.signals.SetSignal(signal)
        closure = wire.wait(run).closure
        assert closure.phase == phase
    assert closure.error.code == "ReceivedRejectSignal"


def test_sleep_orders_nodes(wire):
    name = unique("sleep")
    task = echo_task(f"{name}.task", {}, {})
    template = new_workflow(name)
    gate = add_node(template, "n0")
    gate.gate_node.sleep.duration.FromMilliseconds(200)
    add_node(template, "n1", task, after=["n0"])
    run = wire.run(wire.register(template, tasks=[task])).id
    nodes = nodes_of(wire, run)
    created, ended = nodes["n1"].closure.created_at, nodes["n0"].closure.updated_at
    assert created.ToNanoseconds() >= ended.ToNanoseconds()


def test_attribute_paths_into_collections(wire):
    name = unique("attr")
    task = echo_task(f"{name}.task", {"n": LIST}, {"o0": LIST})
    template = new_workflow(name, {"n": LIST}, {"o0": INTEGER})
    add_node(template, "n0", task, n=("", "n"))
    add_output(template, "o0", "n0", "o0", 1)
    target = wire.register(template, tasks=[task])
    assert wire.outputs(wire.run(target, literals(n=[7, 8])).id) == {"o0": 8}
    closure = wire.run(target, literals(n=[7])).closure
    assert closure.error.code == "BindingResolutionFailure"
    assert (
        "PromiseAttributeResolveError: index [1] is out of range of [scalar:{primitive:{integer:7}}]"
        in closure.error.message
    )


def test_a_gate_waits_no_longer_than_its_timeout(wire):
    """What ``wait_for_input(timeout=…)`` of flytekit sets; for nodes of any kind."""
    template = new_workflow(unique("gate"))
    node = add_node(template, "n0")
    node.gate_node.approve.signal_id = "go"
    node.metadata.timeout.FromMilliseconds(200)
    run = wire.run(wire.register(template))
    error = run.closure.error
    assert (run.closure.phase, error.code) == (PHASE.FAILED, "RetriesExhausted|TimeoutExpired")
    assert error.message == "[1/1] currentAttempt done. Last Error: USER::task execution timeout [200ms] expired"
    assert nodes_of(wire, run.id)["n0"].closure.phase == NODE.FAILED


def child_that_waits_too_long(wire):
    child, template = gate_workflow(wire), new_workflow(unique("parent"))
    node = add_node(template, "n0", child, n=1)
    node.metadata.timeout.FromMilliseconds(200)
    run = wire.run(wire.register(template))
    assert "TimeoutExpired" in run.closure.error.code
    return nodes_of(wire, run.id)["n0"].closure.workflow_node_metadata.executionId


def test_a_child_execution_goes_on_when_its_node_has_waited_enough(wire):
    """FlytePropeller stops nothing there (flyte1-engine-real.md, row 5)."""
    child = child_that_waits_too_long(wire)
    signal = signal_pb2.SignalSetRequest(value=literal(4))
    signal.id.signal_id = "go"
    signal.id.execution_id.CopyFrom(child)
    wire.signals.SetSignal(signal)
    assert wire.wait(child).closure.phase == PHASE.SUCCEEDED


def test_a_child_execution_is_aborted_where_orphans_are_stopped(connect):
    with Sandbox(stop_orphans=True) as sandbox:
        wire = connect(sandbox)
        assert wire.wait(child_that_waits_too_long(wire)).closure.phase == PHASE.ABORTED


def failing_workflow(wire, *, keep_going=False, failure_node=False):
    """n0 fails; n1 is held at a gate; n2 comes after n1; optionally a failure node gets the error."""
    name = unique("failing")
    bad = shell_task(f"{name}.bad", "echo it broke >&2; exit 7")
    echo = echo_task(f"{name}.echo", {"n": INTEGER}, {"o0": INTEGER})
    template = new_workflow(name, {"n": INTEGER})
    if keep_going:
        template.metadata.on_failure = workflow_pb2.WorkflowMetadata.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE
    add_node(template, "n0", bad)
    gate = add_node(template, "n1")
    gate.gate_node.sleep.duration.FromMilliseconds(1500 if keep_going else 3_600_000)
    add_node(template, "n2", echo, after=["n1"], n=("", "n"))
    if failure_node:
        template.failure_node.id = "efn"
        fill_node(template.failure_node, echo, n=("", "n"))
    return wire.register(template, tasks=[bad, echo])


def test_failure_aborts_the_siblings(wire):
    execution = wire.run(failing_workflow(wire), literals(n=1))
    assert execution.closure.phase == PHASE.FAILED
    assert execution.closure.error.code == "RetriesExhausted|Interrupted"
    assert "it broke" in execution.closure.error.message
    nodes = nodes_of(wire, execution.id)
    assert (nodes["n0"].closure.phase, nodes["n1"].closure.phase) == (NODE.FAILED, NODE.ABORTED)
    error = nodes["n1"].closure.error
    assert (error.code, error.message) == ("NodeAborted", "Some node execution failed, auto-abort.")
    assert "n2" not in nodes


def test_keep_going_runs_what_does_not_depend_on_the_failed_node(wire):
    execution = wire.run(failing_workflow(wire, keep_going=True), literals(n=1))
    assert execution.closure.phase == PHASE.FAILED
    nodes = nodes_of(wire, execution.id)
    assert nodes["n2"].closure.phase == NODE.SUCCEEDED
    assert nodes["end-node"].closure.phase == NODE.SKIPPED


def test_a_failure_node_that_fails_hides_the_first_failure(wire):
    """``handleFailureNode`` in workflow/executor.go: ``StatusFailed(state.Err)``."""
    name = unique("failing")
    bad, worse = shell_task(f"{name}.bad", "exit 7"), shell_task(f"{name}.worse", "exit 8")
    template = new_workflow(name)
    add_node(template, "n0", bad)
    template.failure_node.id = "efn"
    fill_node(template.failure_node, worse)
    execution = wire.run(wire.register(template, tasks=[bad, worse]))
    assert "terminated with exit code (8)" in execution.closure.error.message
    assert nodes_of(wire, execution.id)["n0"].closure.error.message != execution.closure.error.message


def test_a_failing_run_says_why_before_it_has_failed(wire):
    name = unique("failing")
    bad, slow = shell_task(f"{name}.bad", "echo it broke >&2; exit 7"), shell_task(f"{name}.slow", "sleep 2")
    template = new_workflow(name)
    add_node(template, "n0", bad)
    template.failure_node.id = "efn"
    fill_node(template.failure_node, slow)
    run = wire.launch(wire.register(template, tasks=[bad, slow]))
    closure = wire.wait(run, phases={PHASE.FAILING}).closure
    assert "it broke" in closure.error.message
    wire.wait(run)


def test_failure_node_runs_and_the_run_has_failed_all_the_same(wire):
    execution = wire.run(failing_workflow(wire, failure_node=True), literals(n=1))
    assert execution.closure.phase == PHASE.FAILED
    assert "it broke" in execution.closure.error.message
    assert nodes_of(wire, execution.id)["efn"].closure.phase == NODE.SUCCEEDED


def test_cache_hits_across_versions(wire):
    name = unique("cached")
    task = shell_task(f"{name}.task", "true", {"n": INTEGER})
    task.metadata.discoverable = True
    task.metadata.discovery_version = "1"
    template = new_workflow(name, {"n": INTEGER})
    add_node(template, "n0", task, n=("", "n"))
    target = wire.register(template, tasks=[task])

    def status(**options):
        run = wire.run(target, literals(n=1), **options)
        assert run.closure.phase == PHASE.SUCCEEDED, run.closure.error
        return nodes_of(wire, run.id)["n0"].closure.task_node_metadata.cache_status

    assert status() == catalog_pb2.CACHE_POPULATED
    assert status() == catalog_pb2.CACHE_HIT
    assert status(overwrite_cache=True) == catalog_pb2.CACHE_POPULATED
    task.id.version = template.id.version = "v2"
    template.nodes[0].task_node.reference_id.version = "v2"
    target = wire.register(template, tasks=[task])
    assert status() == catalog_pb2.CACHE_HIT  # the version of the task is no part of the key


def test_an_unsupported_task_fails_the_run_by_name(wire):
    task = echo_task(unique("sql"), {}, {})
    task.type = "some-connector"
    wire.register_task(task)
    closure = wire.run(task.id).closure
    assert closure.phase == PHASE.FAILED
    assert "not supported by the sandbox" in closure.error.message
    assert "some-connector" in closure.error.message


def test_held_runs_need_no_threads(wire, sandbox):
    target = gate_workflow(wire)
    before = threading.active_count()
    runs = [wire.launch(target, inputs=literals(n=1)) for _ in range(300)]
    for run in runs[-3:]:
        wire.wait(run, phases={PHASE.RUNNING})
    assert threading.active_count() <= before + 32  # the gRPC server's own threads come up on use
    for run in runs:
        wire.terminate(run)
    for run in runs:
        assert wire.wait(run).closure.phase == PHASE.ABORTED
