"""What flytekit's integration suite checks over the wire, ported: made from protos, so that it runs in `make test`.

Each test names the upstream test it stands for. What tests/sandbox checks already is not repeated: registration twice,
approval and rejection, failure nodes, map tasks, deck links, code without its source, pickled code, eager tasks.
"""

from __future__ import annotations

import base64
import time

import pytest
from flyteidl.admin import (
    common_pb2,
    execution_pb2,
    launch_plan_pb2,
    node_execution_pb2,
    task_execution_pb2,
    version_pb2,
)
from flyteidl.core import dynamic_job_pb2, tasks_pb2, types_pb2, workflow_pb2
from google.protobuf.wrappers_pb2 import BoolValue
from sandbox.protos import (
    INTEGER,
    NODE,
    PHASE,
    STRING,
    D,
    P,
    Wire,
    add_node,
    add_output,
    echo_task,
    literals,
    new_workflow,
    rejected,
    shell_task,
    task_id,
    unique,
    value,
    values,
)

from bridge_core.sandbox import Sandbox

FLOATS = types_pb2.LiteralType(collection_type=types_pb2.LiteralType(simple=types_pb2.FLOAT))
TEXTS = types_pb2.LiteralType(map_value_type=STRING)
NUMBERS = types_pb2.LiteralType(collection_type=INTEGER)


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def wire(sandbox):
    connected = Wire(sandbox.endpoint)
    yield connected
    connected.close()


def nodes(wire, run, parent=""):
    request = node_execution_pb2.NodeExecutionListRequest(workflow_execution_id=run, limit=100, unique_parent_id=parent)
    return {one.id.node_id: one for one in wire.admin.ListNodeExecutions(request).node_executions}


def node_data(wire, node):
    data = wire.admin.GetNodeExecutionData(node_execution_pb2.NodeExecutionGetDataRequest(id=node.id))
    return values(data.full_inputs), values(data.full_outputs)


def attempts(wire, node):
    request = task_execution_pb2.TaskExecutionListRequest(node_execution_id=node.id, limit=100)
    return list(wire.admin.ListTaskExecutions(request).task_executions)


def calling(wire, name, inner, *, plan=None):
    """A workflow whose only work is a launch plan."""
    template = new_workflow(name, {"n": INTEGER}, {"o0": INTEGER})
    add_node(template, "n0", inner, n=("", "n"))
    add_output(template, "o0", "n0", "o0")
    return wire.register(template, plan=plan)


def echoing(wire, type_=INTEGER, name=None):
    name = name or unique("echo")
    task = echo_task(f"{name}.task", {"n": type_}, {"o0": type_})
    template = new_workflow(name, {"n": type_}, {"o0": type_})
    add_node(template, "n0", task, n=("", "n"))
    add_output(template, "o0", "n0", "o0")
    return wire.register(template, tasks=[task])


def test_runs_within_runs_have_all_their_nodes_and_data(wire):
    """test_sync_execution_sync_nodes_get_all_executions, test_fetch_execute_launch_plan_with_child_workflows"""
    child = calling(wire, unique("child"), echoing(wire))
    task = echo_task(unique("first"), {"n": INTEGER}, {"o0": INTEGER})
    template = new_workflow(unique("parent"), {"n": INTEGER}, {"o0": INTEGER})
    add_node(template, "n0", task, n=("", "n"))
    add_node(template, "n1", child, n=("n0", "o0"))
    add_node(template, "n2", task, n=("n1", "o0"))
    add_output(template, "o0", "n2", "o0")
    run = wire.run(wire.register(template, tasks=[task]), literals(n=3)).id
    top = nodes(wire, run)
    assert set(top) == {"start-node", "n0", "n1", "n2", "end-node"}
    assert all(node.closure.phase == NODE.SUCCEEDED for node in top.values())
    for name in ("n0", "n1", "n2"):
        assert node_data(wire, top[name]) == ({"n": 3}, {"o0": 3})
    for expected in ({"start-node", "n0", "end-node"}, {"start-node", "n0", "end-node"}):
        run = (top.get("n1") or top["n0"]).closure.workflow_node_metadata.executionId
        assert wire.get(run).closure.phase == PHASE.SUCCEEDED
        top = nodes(wire, run)
        assert set(top) == expected
        assert node_data(wire, top["n0"]) == ({"n": 3}, {"o0": 3})


def test_the_data_of_an_attempt_is_that_of_its_node(wire):
    """test_fetch_execute_launch_plan_with_args, test_monitor_workflow_execution"""
    run = wire.run(echoing(wire), literals(n=10)).id
    node = nodes(wire, run)["n0"]
    (attempt,) = attempts(wire, node)
    data = wire.admin.GetTaskExecutionData(task_execution_pb2.TaskExecutionGetDataRequest(id=attempt.id))
    assert (values(data.full_inputs), values(data.full_outputs)) == node_data(wire, node) == ({"n": 10}, {"o0": 10})
    assert wire.inputs(run) == {"n": 10}
    assert wire.outputs(run) == {"o0": 10}


def test_what_a_run_was_asked_for_is_answered_back(wire):
    """test_execute_python_task and the three test_execute_reference_*: envs, tags, cluster assignment"""
    from flyteidl.admin import cluster_assignment_pb2

    spec = {
        "envs": common_pb2.Envs(values=[{"key": "foo", "value": "bar"}]),
        "tags": ["flyte"],
        "cluster_assignment": cluster_assignment_pb2.ClusterAssignment(cluster_pool_name="gpu"),
    }
    task = shell_task(unique("env"), 'test "$foo" = bar')
    wire.register_task(task)
    run = wire.run(task.id, **spec)
    assert run.closure.phase == PHASE.SUCCEEDED
    assert [(pair.key, pair.value) for pair in run.spec.envs.values] == [("foo", "bar")]
    assert list(run.spec.tags) == ["flyte"]
    assert run.spec.cluster_assignment.cluster_pool_name == "gpu"


@pytest.mark.parametrize("interruptible", [None, True, False])
def test_children_inherit_interruptible(wire, interruptible):
    """test_executes_nested_workflow_dictating_interruptible"""
    spec = {} if interruptible is None else {"interruptible": BoolValue(value=interruptible)}
    run = wire.run(calling(wire, unique("outer"), echoing(wire)), literals(n=1), **spec)
    child = wire.get(nodes(wire, run.id)["n0"].closure.workflow_node_metadata.executionId)
    for one in (run, child):
        found = one.spec.interruptible.value if one.spec.HasField("interruptible") else None
        assert found == interruptible


@pytest.mark.parametrize(
    ("type_", "given"),
    [
        (FLOATS, [42.24, 999.1, 0.0001]),
        (FLOATS, []),
        (TEXTS, {"key1": "value1", "key2": "value2"}),
    ],
)
def test_lists_and_maps_arrive_as_they_were(wire, type_, given):
    """test_fetch_execute_launch_plan_list_of_floats, test_fetch_execute_task_convert_dict"""
    outputs = wire.outputs_raw(wire.run(echoing(wire, type_), literals(n=given)).id)
    literal = outputs.literals["o0"]
    if isinstance(given, dict):
        assert {name: value(item) for name, item in literal.map.literals.items()} == given
    else:
        assert value(literal) == given


def test_a_map_inside_a_dynamic_node(wire):
    """test_execution_workflow_with_maptask_in_dynamic: ids, one task execution, a phase for every item"""
    item = shell_task(unique("item"), "exit 0", {"n": types_pb2.LiteralType(collection_type=INTEGER)})
    wire.register_task(item)
    job = dynamic_job_pb2.DynamicJobSpec(min_successes=1)
    node = job.nodes.add(id="dn0")
    node.metadata.name = "mapped"
    inner = node.array_node.node
    inner.id = "inside"
    inner.task_node.reference_id.CopyFrom(item.id)
    node.array_node.execution_mode = workflow_pb2.ArrayNode.MINIMAL_STATE
    collection = node.inputs.add(var="n").binding.collection
    for number in (1, 2, 3):
        collection.bindings.add().scalar.primitive.integer = number
    template = tasks_pb2.TaskTemplate()
    template.CopyFrom(item)
    job.tasks.append(template)
    packed = base64.b64encode(job.SerializeToString()).decode()
    outer = shell_task(unique("dynamic"), f"echo {packed} | base64 -d > {{{{.outputPrefix}}}}/futures.pb")
    workflow = new_workflow(unique("wf"))
    add_node(workflow, "n0", outer)
    run = wire.run(wire.register(workflow, tasks=[outer]))
    assert run.closure.phase == PHASE.SUCCEEDED, run.closure.error.message
    parent = nodes(wire, run.id)["n0"]
    assert parent.metadata.is_parent_node
    assert parent.metadata.is_dynamic
    child = nodes(wire, run.id, "n0")["n0-0-dn0"]
    (attempt,) = attempts(wire, child)
    assert [item.phase for item in attempt.closure.metadata.external_resources] == [3, 3, 3]


def test_resources_of_a_node_override_those_of_its_task(wire):
    """test_register_wf_with_resource_requests_override, test_run_wf_with_resource_requests_override"""
    task = shell_task(unique("small"), "exit 0")
    entry = task.container.resources.requests.add(name=tasks_pb2.Resources.CPU, value="1")
    assert entry.value == "1"
    template = new_workflow(unique("override"))
    node = add_node(template, "n0", task)
    node.task_node.overrides.resources.requests.add(name=tasks_pb2.Resources.MEMORY, value="500Mi")
    run = wire.run(wire.register(template, tasks=[task]))
    assert run.closure.phase == PHASE.SUCCEEDED
    stored = wire.admin.GetWorkflow(common_pb2.ObjectGetRequest(id=template.id)).closure.compiled_workflow
    kept = next(one for one in stored.primary.template.nodes if one.id == "n0")
    assert kept.task_node.overrides.resources.requests[0].value == "500Mi"
    assert stored.tasks[0].template.container.resources.requests[0].value == "1"


def test_what_does_not_exist_is_not_found(wire):
    """test_fetch_not_exist_launch_plan, test_fetch_active_launchplan_not_found"""
    name = common_pb2.NamedEntityIdentifier(project=P, domain=D, name="basic.list_float_wf.fake_wf")
    rejected("NOT_FOUND", wire.admin.GetActiveLaunchPlan, launch_plan_pb2.ActiveLaunchPlanRequest(id=name))
    rejected("NOT_FOUND", wire.admin.GetTask, common_pb2.ObjectGetRequest(id=task_id("nowhere")))
    listed = wire.admin.ListLaunchPlans(common_pb2.ResourceListRequest(id=name, limit=1))
    assert list(listed.launch_plans) == []


def test_the_version_is_one_that_clients_read(wire):
    """test_get_control_plane_version, test_info_command_versions"""
    version = wire.admin.GetVersion(version_pb2.GetVersionRequest()).control_plane_version.Version
    assert version == "unknown" or version.startswith("v")


def test_a_run_can_be_terminated_as_soon_as_it_is_there(wire):
    """test_fetch_execute_workflow: remote.terminate right after remote.execute"""
    task = shell_task(unique("long"), "sleep 60")
    wire.register_task(task)
    run = wire.launch(task.id)
    wire.terminate(run, "just because")
    closure = wire.wait(run).closure
    assert (closure.phase, closure.abort_metadata.cause) == (PHASE.ABORTED, "just because")


def test_a_poll_never_sees_success_without_outputs(wire):
    """What every wait=True relies on: outputs are there before the phase says so."""
    run = wire.launch(echoing(wire), inputs=literals(n=5))
    while wire.get(run).closure.phase != PHASE.SUCCEEDED:
        time.sleep(0.001)
    assert wire.outputs(run) == {"o0": 5}
    data = wire.admin.GetExecutionData(execution_pb2.WorkflowExecutionGetDataRequest(id=run))
    assert data.outputs.bytes == 0  # nothing to download: everything is inside
