"""Executions over the wire: creating, reading, listing, ending them. No processes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from flyteidl.admin import (
    common_pb2,
    event_pb2,
    execution_pb2,
    launch_plan_pb2,
    node_execution_pb2,
    signal_pb2,
)
from flyteidl.core import identifier_pb2, literals_pb2, types_pb2
from flyteidl.service import identity_pb2
from grpc_status import rpc_status

from .protos import (
    BOOLEAN,
    FLOAT,
    INTEGER,
    PHASE,
    STRING,
    D,
    P,
    add_node,
    echo_task,
    echo_workflow,
    gate_workflow,
    literal,
    literals,
    new_workflow,
    plan_id,
    rejected,
    unique,
)


def run_id(name):
    return identifier_pb2.WorkflowExecutionIdentifier(project=P, domain=D, name=name)


def list_runs(wire, filters="", *, limit=100, token="", name="", **sort):
    request = common_pb2.ResourceListRequest(
        id=common_pb2.NamedEntityIdentifier(project=P, domain=D, name=name),
        filters=filters,
        limit=limit,
        token=token,
    )
    if sort:
        request.sort_by.CopyFrom(common_pb2.Sort(**sort))
    return wire.admin.ListExecutions(request)


def release(wire, run, value=1):
    signal = signal_pb2.SignalSetRequest(value=literal(value))
    signal.id.signal_id = "go"
    signal.id.execution_id.CopyFrom(run)
    wire.signals.SetSignal(signal)


@pytest.fixture(scope="module")
def gate(wire):
    return gate_workflow(wire)


@pytest.fixture(scope="module")
def echo(wire):
    return echo_workflow(wire)


def test_run_to_the_end(wire, echo):
    run = wire.launch(echo, unique("run"), literals(n=3))
    execution = wire.wait(run)
    closure = execution.closure
    assert closure.phase == PHASE.SUCCEEDED
    assert wire.outputs(run) == {"o0": 3}
    assert wire.inputs(run) == {"n": 3}
    assert execution.spec.launch_plan == echo
    assert closure.workflow_id.name == echo.name
    assert closure.created_at.seconds
    assert closure.started_at.seconds
    assert closure.updated_at.seconds
    assert literals_pb2.LiteralMap.FromString(Path(closure.outputs.uri).read_bytes()) == literals(o0=3)


def test_generated_name_and_illegal_names(wire, gate):
    run = wire.launch(gate, inputs=literals(n=1))
    assert len(run.name) == 20
    assert run.name[0] == "a"
    wire.terminate(run)
    for name in ("1abc", "a_b", "a" * 64, "-a", "a.b"):
        assert name in rejected("INVALID_ARGUMENT", wire.launch, gate, name, literals(n=1))
    # flyteadmin checks the lower-cased text, Kubernetes the text: the run is there, and has failed.
    upper = wire.get(wire.launch(gate, unique("Upper-case-"), literals(n=1))).closure
    assert (upper.phase, upper.error.code) == (PHASE.FAILED, "Internal")
    assert "is invalid: metadata.name" in upper.error.message


def test_input_checks(wire, echo):
    assert "invalid input m" in rejected("INVALID_ARGUMENT", wire.launch, echo, inputs=literals(n=1, m=2))
    assert "n missing" in rejected("INVALID_ARGUMENT", wire.launch, echo, inputs=literals())
    assert "wrong type" in rejected("INVALID_ARGUMENT", wire.launch, echo, inputs=literals(n=1.5))
    assert "wrong type" in rejected("INVALID_ARGUMENT", wire.launch, echo, inputs=literals(n=None))


def test_defaults_and_fixed_inputs(wire):
    plan = launch_plan_pb2.LaunchPlanSpec()
    plan.default_inputs.parameters["n"].var.type.CopyFrom(INTEGER)
    plan.default_inputs.parameters["n"].default.CopyFrom(literal(5))
    defaulted = echo_workflow(wire, plan=plan)
    assert wire.inputs(wire.run(defaulted).id) == {"n": 5}
    fixed = launch_plan_pb2.LaunchPlanSpec()
    fixed.fixed_inputs.literals["n"].CopyFrom(literal(7))
    target = echo_workflow(wire, plan=fixed)
    assert wire.outputs(wire.run(target).id) == {"o0": 7}
    # Not "cannot be overridden": flyteadmin looks for unknown inputs first, and a fixed one is none that is expected.
    assert rejected("INVALID_ARGUMENT", wire.launch, target, inputs=literals(n=7)) == "invalid input n"


def test_input_types_of_all_kinds(wire):
    name = unique("wf")
    optional = types_pb2.LiteralType(
        union_type=types_pb2.UnionType(variants=[INTEGER, types_pb2.LiteralType(simple=types_pb2.NONE)])
    )
    ambiguous = types_pb2.LiteralType(union_type=types_pb2.UnionType(variants=[STRING, STRING]))
    color = types_pb2.LiteralType(enum_type=types_pb2.EnumType(values=["red"]))
    numbers = types_pb2.LiteralType(collection_type=FLOAT)
    inputs = {"o": optional, "c": color, "l": numbers, "b": BOOLEAN}
    task = echo_task(f"{name}.task", {}, {})
    template = new_workflow(name, inputs)
    add_node(template, "n0", task)
    target = wire.register(template, tasks=[task])
    template = new_workflow(f"{name}.ambiguous", {**inputs, "a": ambiguous})
    add_node(template, "n0", task)
    other = wire.register(template)
    good = {"o": 1, "c": "red", "l": [1.0], "b": True}
    assert "a input wrong type" in rejected("INVALID_ARGUMENT", wire.launch, other, inputs=literals(**good, a="x"))
    for accepted in ({}, {"o": None}, {"l": []}, {"c": "blue"}):  # enum values are not checked
        assert wire.run(target, literals(**{**good, **accepted})).closure.phase == PHASE.SUCCEEDED
    for wrong in ({"o": "x"}, {"c": 1}, {"l": [1]}, {"b": 1}, {"l": [1.0, "x"]}):
        (key,) = wrong
        text = rejected("INVALID_ARGUMENT", wire.launch, target, inputs=literals(**{**good, **wrong}))
        assert text.startswith(f"invalid {key} input wrong type. Expected ")


def test_missing_launch_plan_is_not_found_and_a_version_is_required(wire):
    assert "LAUNCH_PLAN" in rejected("NOT_FOUND", wire.launch, plan_id("nowhere"))
    rejected("INVALID_ARGUMENT", wire.launch, plan_id("nowhere", ""))


def test_a_refused_duplicate_overwrites_the_stored_inputs(wire, gate):
    """flyteadmin writes the inputs before it finds the name taken (execution_manager.go:966)."""
    run = wire.launch(gate, unique("dup"), literals(n=1))
    text = rejected("ALREADY_EXISTS", wire.launch, gate, run.name, literals(n=2))
    assert "already exists" in text
    assert wire.inputs(run) == {"n": 2}
    wire.terminate(run)
    wire.wait(run)
    rejected("ALREADY_EXISTS", wire.launch, gate, run.name, literals(n=3))
    assert wire.inputs(run) == {"n": 3}


def test_of_many_at_once_one_wins(wire, gate):
    name = unique("race")

    def launch(number):
        try:
            wire.launch(gate, name, literals(n=number))
        except grpc.RpcError as error:
            return error.code().name
        return "OK"

    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(launch, range(16)))
    assert sorted(codes) == ["ALREADY_EXISTS"] * 15 + ["OK"]
    wire.terminate(run_id(name))


def test_an_invalid_duplicate_leaves_the_inputs_alone(wire, gate):
    run = wire.launch(gate, unique("dup"), literals(n=1))
    rejected("INVALID_ARGUMENT", wire.launch, gate, run.name, literals(m=2))
    assert wire.inputs(run) == {"n": 1}
    wire.terminate(run)


def test_concurrency_policy_skips_with_already_exists(wire):
    plan = launch_plan_pb2.LaunchPlanSpec()
    if "concurrency_policy" not in plan.DESCRIPTOR.fields_by_name:
        pytest.skip("this flyteidl has no concurrency policies")
    plan.concurrency_policy.max = 1
    plan.concurrency_policy.behavior = launch_plan_pb2.CONCURRENCY_LIMIT_BEHAVIOR_SKIP
    target = gate_workflow(wire, plan=plan)
    run = wire.launch(target, inputs=literals(n=1))
    wire.wait(run, phases={PHASE.RUNNING})  # one that is UNDEFINED still does not count
    name = unique("second")
    text = rejected("ALREADY_EXISTS", wire.launch, target, name, literals(n=1))
    assert text == f"concurrency limit (1) reached for launch plan {target.name}; skipping execution"
    rejected("NOT_FOUND", wire.get, run_id(name))
    # Runs of all versions count; a policy that does not say what to do does nothing.
    spec = wire.admin.GetLaunchPlan(common_pb2.ObjectGetRequest(id=target)).spec
    newer = wire.register_plan(target.name, spec, version="v2")
    rejected("ALREADY_EXISTS", wire.launch, newer, inputs=literals(n=1))
    spec.concurrency_policy.behavior = launch_plan_pb2.CONCURRENCY_LIMIT_BEHAVIOR_UNSPECIFIED
    wire.terminate(wire.launch(wire.register_plan(target.name, spec, version="v3"), inputs=literals(n=1)))
    wire.terminate(run)
    wire.wait(run)
    wire.terminate(wire.launch(target, name, literals(n=1)))


def test_what_a_launch_plan_sets_is_not_in_the_executions_specification(wire):
    plan = launch_plan_pb2.LaunchPlanSpec()
    plan.labels.values.update(team="a", cost="b")
    plan.annotations.values["note"] = "plan"
    plan.envs.values.add(key="MODE", value="plan")
    plan.interruptible.value = True
    plan.max_parallelism = 3
    target = gate_workflow(wire, plan=plan)
    ours = wire.launch(target, inputs=literals(n=1), labels=common_pb2.Labels(values={"team": "z"}))
    spec = wire.get(ours).spec
    assert dict(spec.labels.values) == {"team": "z"}
    theirs = wire.launch(target, inputs=literals(n=1))
    bare = wire.get(theirs).spec
    for name in ("labels", "annotations", "envs", "interruptible"):
        assert not bare.HasField(name)
    assert (spec.max_parallelism, bare.max_parallelism) == (3, 3)  # of all that, this is
    tagged = list_runs(wire, "eq(execution_tag.key,team)").executions
    assert theirs.name not in [run.id.name for run in tagged]
    assert ours.name in [run.id.name for run in tagged]
    wire.terminate(ours)
    wire.terminate(theirs)


def test_terminate(wire, gate):
    run = wire.launch(gate, inputs=literals(n=1))
    wire.wait(run, phases={PHASE.RUNNING})
    wire.terminate(run, "enough")
    assert wire.get(run).closure.phase in (PHASE.ABORTING, PHASE.ABORTED)
    closure = wire.wait(run).closure
    assert closure.phase == PHASE.ABORTED
    assert closure.abort_metadata.cause == "enough"
    with pytest.raises(grpc.RpcError) as caught:
        wire.terminate(run)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "already terminated" in caught.value.details()
    reason = event_pb2.EventFailureReason()
    assert rpc_status.from_call(caught.value).details[0].Unpack(reason)
    assert reason.already_in_terminal_state.current_phase == "ABORTED"
    rejected("NOT_FOUND", wire.terminate, run_id("nowhere"))
    rejected("NOT_FOUND", wire.get, run_id("nowhere"))
    assert rejected("INVALID_ARGUMENT", wire.get, run_id("")) == "missing name"


def test_signals(wire, gate):
    run = wire.launch(gate, inputs=literals(n=1))
    wire.wait(run, phases={PHASE.RUNNING})
    # Not NOT_FOUND: flyteadmin's validation/signal_validator.go wraps what the database said.
    assert "signal does not exist" in rejected("INVALID_ARGUMENT", release, wire, run_id("nowhere"))
    assert rejected("INVALID_ARGUMENT", release, wire, run_id("")) == "missing name"
    unset = signal_pb2.SignalSetRequest()
    unset.id.signal_id = "go"
    unset.id.execution_id.CopyFrom(run)
    assert rejected("INVALID_ARGUMENT", wire.signals.SetSignal, unset) == "missing value"
    assert "not castable" in rejected("INVALID_ARGUMENT", release, wire, run, "text")
    listed = wire.signals.ListSignals(signal_pb2.SignalListRequest(workflow_execution_id=run, limit=10)).signals
    assert [signal.id.signal_id for signal in listed] == ["go"]
    page = signal_pb2.SignalListRequest(workflow_execution_id=run, limit=1, filters="eq(signal_id,go)")
    assert wire.signals.ListSignals(page).token == "1"
    page.token = "1"
    assert list(wire.signals.ListSignals(page).signals) == []
    rejected("INVALID_ARGUMENT", wire.signals.ListSignals, signal_pb2.SignalListRequest(workflow_execution_id=run))
    nobody = signal_pb2.SignalListRequest(workflow_execution_id=run_id("nowhere"), limit=1)
    assert list(wire.signals.ListSignals(nobody).signals) == []
    release(wire, run, 42)
    assert wire.wait(run).closure.phase == PHASE.SUCCEEDED
    assert wire.outputs(run) == {"o0": 42}


def test_relaunch_uses_the_same_user_inputs(wire, echo):
    first = wire.run(echo, literals(n=9)).id
    request = execution_pb2.ExecutionRelaunchRequest(id=first, name=unique("again"))
    again = wire.admin.RelaunchExecution(request).id
    execution = wire.wait(again)
    assert wire.outputs(again) == {"o0": 9}
    assert execution.spec.metadata.mode == execution_pb2.ExecutionMetadata.RELAUNCH
    assert execution.spec.metadata.reference_execution == first


def test_list_by_names_in_one_call(wire, gate):
    runs = [wire.launch(gate, unique("batch"), literals(n=1)) for _ in range(3)]
    names = ";".join(run.name for run in runs[:2])
    for field in ("execution_name", "execution.execution_name"):
        found = list_runs(wire, f"value_in({field},{names};nowhere)", key="created_at").executions
        assert {run.id.name for run in found} == {runs[0].name, runs[1].name}
    for field in ("name", "execution.name"):
        text = rejected("INVALID_ARGUMENT", list_runs, wire, f"value_in({field},{names})")
        assert text == "'e.name' is invalid filter"
    for run in runs:
        wire.terminate(run)


def test_list_filters(wire, echo, gate):
    done = wire.run(echo, literals(n=1)).id
    held = wire.launch(gate, inputs=literals(n=1))
    wire.wait(held, phases={PHASE.RUNNING})

    def names(filters):
        return {run.id.name for run in list_runs(wire, filters, limit=1000).executions}

    assert done.name in names("eq(phase,SUCCEEDED)")
    assert held.name not in names("eq(phase,SUCCEEDED)")
    assert names(f"eq(launch_plan.name,{echo.name})") >= {done.name}
    assert held.name not in names(f"eq(launch_plan.name,{echo.name})")
    assert held.name in names(f"eq(workflow.name, {gate.name})+value_not_in(phase,SUCCEEDED;FAILED)")
    assert {done.name, held.name} <= names("gt(created_at,2020-01-01T00:00:00Z)")
    assert names("gt(created_at,2120-01-01T00:00:00Z)") == set()
    assert held.name in names(f"contains(execution_name,{held.name[2:]})")
    assert names("gte(duration,1h)") == set()
    assert done.name in names("lt(duration,60)+eq(mode,0)")
    for wrong in ("nonsense", "eq(closure.x,1)", "like(phase,x)", "eq(task_execution.phase,x)", "lt(duration,x)"):
        rejected("INVALID_ARGUMENT", list_runs, wire, wrong)
    # A plus sign separates expressions, also inside a value: nothing can be escaped.
    rejected("INVALID_ARGUMENT", list_runs, wire, "gt(created_at,2020-01-01T00:00:00+00:00)")
    wire.terminate(held)


def test_paging_and_limits(wire, gate):
    prefix = unique("page")
    runs = [wire.launch(gate, f"{prefix}-{index}", literals(n=1)) for index in range(4)]
    filters = f"contains(execution_name,{prefix}-)"
    sort = {"key": "created_at", "direction": common_pb2.Sort.ASCENDING}
    first = list_runs(wire, filters, limit=2, **sort)
    second = list_runs(wire, filters, limit=2, token=first.token, **sort)
    last = list_runs(wire, filters, limit=2, token=second.token, **sort)
    names = [run.id.name for page in (first, second) for run in page.executions]
    assert names == [run.name for run in runs]
    assert list(last.executions) == []  # a full page is followed by a token, so an empty page is normal
    assert last.token == ""
    rejected("INVALID_ARGUMENT", list_runs, wire, limit=0)
    rejected("INVALID_ARGUMENT", list_runs, wire, token="x")
    rejected("INVALID_ARGUMENT", list_runs, wire, key="nowhere")
    for run in runs:
        wire.terminate(run)


def test_archived_runs_are_hidden_from_lists_only(wire, echo):
    run = wire.run(echo, literals(n=1)).id
    update = execution_pb2.ExecutionUpdateRequest(id=run, state=execution_pb2.EXECUTION_ARCHIVED)
    wire.admin.UpdateExecution(update)
    assert list(list_runs(wire, f"eq(execution_name,{run.name})").executions) == []
    assert len(list_runs(wire, f"eq(execution_name,{run.name})+eq(state,1)").executions) == 1
    assert wire.get(run).closure.state_change_details.state == execution_pb2.EXECUTION_ARCHIVED
    update.state = execution_pb2.EXECUTION_ACTIVE
    wire.admin.UpdateExecution(update)
    assert len(list_runs(wire, name=run.name).executions) == 1


def test_messages_are_trimmed_in_lists(wire):
    name = unique("wf")
    template = new_workflow(name, {"n": INTEGER})
    node = add_node(template, "n0", n=("", "n"))
    block = node.branch_node.if_else
    comparison = block.case.condition.comparison
    comparison.left_value.var = "n"
    comparison.right_value.primitive.integer = 0
    task = echo_task(f"{name}.task", {}, {})
    block.case.then_node.id = "a"
    block.case.then_node.task_node.reference_id.CopyFrom(task.id)
    block.error.message = "long " * 100
    target = wire.register(template, tasks=[task])
    run = wire.run(target, literals(n=1)).id
    assert wire.get(run).closure.error.message == "[UserProvidedError] " + "long " * 100
    (listed,) = list_runs(wire, f"eq(execution_name,{run.name})").executions
    assert len(listed.closure.error.message) == 100
    assert listed.closure.phase == PHASE.FAILED
    # Nodes in lists, too, but not attempts (flyteadmin task_execution_manager.go).
    (node,) = (one for one in list_nodes(wire, run).node_executions if one.id.node_id == "n0")
    assert len(node.closure.error.message) == 100
    whole = wire.admin.GetNodeExecution(node_execution_pb2.NodeExecutionGetRequest(id=node.id))
    assert "long " * 100 in whole.closure.error.message


def list_nodes(wire, run, parent=""):
    request = node_execution_pb2.NodeExecutionListRequest(workflow_execution_id=run, unique_parent_id=parent, limit=100)
    return wire.admin.ListNodeExecutions(request)


def test_nodes_of_nothing_are_an_empty_list_and_below_no_node_an_error(wire, echo):
    """FlyteAdmin asks for the parent, not for the run."""
    assert list(list_nodes(wire, run_id("nowhere")).node_executions) == []
    run = wire.run(echo, literals(n=1)).id
    rejected("NOT_FOUND", list_nodes, wire, run, "nowhere")
    assert list(list_nodes(wire, run, "n0").node_executions) == []
    rejected("INVALID_ARGUMENT", list_nodes, wire, run_id(""))


@pytest.mark.parametrize(
    ("key", "label", "part"),
    [
        ("day", "2026-01-01T00:00:00+00:00", "label value"),
        ("day", "x" * 64, "label value"),
        ("day", "-x", "label value"),
        ("a b", "x", "label key"),
        ("", "x", "label key"),
        ("Upper.dns/x", "x", "label key"),
        ("a/b/c", "x", "label key"),
    ],
)
def test_labels_that_kubernetes_would_not_take(wire, echo, key, label, part):
    labels = common_pb2.Labels(values={key: label})
    assert part in rejected("INVALID_ARGUMENT", wire.launch, echo, inputs=literals(n=1), labels=labels)


def test_labels_that_kubernetes_takes(wire, echo):
    good = {"day": "2026-01-01", "team.example/Cost-Center": "A_b.c", "empty": ""}
    wire.run(echo, literals(n=1), labels=common_pb2.Labels(values=good))
    many = common_pb2.Labels(values={f"k{n}": "v" for n in range(17)})
    assert "16 entries" in rejected("INVALID_ARGUMENT", wire.launch, echo, inputs=literals(n=1), labels=many)


def test_list_needs_project_and_domain(wire):
    request = common_pb2.ResourceListRequest(limit=1)
    rejected("INVALID_ARGUMENT", wire.admin.ListExecutions, request)


def test_what_is_not_supported_says_so(wire):
    text = rejected("UNIMPLEMENTED", wire.identity.UserInfo, identity_pb2.UserInfoRequest())
    assert text == "unknown service flyteidl.service.IdentityService"


def test_requests_above_4_mib_are_refused(wire):
    name = unique("wf")
    template = new_workflow(name, {"s": STRING})
    task = echo_task(f"{name}.task", {"s": STRING}, {"o0": STRING})
    add_node(template, "n0", task, s=("", "s"))
    target = wire.register(template, tasks=[task])
    rejected("RESOURCE_EXHAUSTED", wire.launch, target, inputs=literals(s="x" * (5 << 20)))
