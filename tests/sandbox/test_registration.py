"""Registering over the wire: immutable versions, compiled closures, activation."""

from __future__ import annotations

import pytest
from flyteidl.admin import common_pb2, launch_plan_pb2, project_pb2, task_pb2, version_pb2, workflow_pb2
from flyteidl.core import identifier_pb2

from .protos import (
    INTEGER,
    STRING,
    D,
    P,
    add_node,
    add_output,
    echo_task,
    echo_workflow,
    literal,
    new_workflow,
    plan_id,
    rejected,
    task_id,
    unique,
    workflow_id,
)


def get_workflow(wire, name):
    return wire.admin.GetWorkflow(common_pb2.ObjectGetRequest(id=workflow_id(name)))


def test_same_task_again_is_already_exists_and_another_structure_is_invalid(wire):
    name = unique("task")
    wire.register_task(echo_task(name, {"n": INTEGER}, {"o0": INTEGER}))
    again = rejected("ALREADY_EXISTS", wire.register_task, echo_task(name, {"n": INTEGER}, {"o0": INTEGER}))
    assert again == "task with identical structure already exists"
    other = rejected("INVALID_ARGUMENT", wire.register_task, echo_task(name, {"n": STRING}, {"o0": STRING}))
    assert "task with different structure already exists" in other
    assert "Please register a new version" in other


def test_same_workflow_and_launch_plan_again(wire):
    name = unique("wf")
    echo_workflow(wire, name)
    template = get_workflow(wire, name).closure.compiled_workflow.primary.template
    task = echo_task(f"{name}.task", {"n": INTEGER}, {"o0": INTEGER})
    source = new_workflow(name, {"n": INTEGER}, {"o0": INTEGER})
    add_node(source, "n0", task, n=("", "n"))
    add_output(source, "o0", "n0", "o0")
    assert template.nodes[2].id == "n0"
    create = wire.admin.CreateWorkflow
    same = workflow_pb2.WorkflowCreateRequest(id=source.id, spec=workflow_pb2.WorkflowSpec(template=source))
    assert rejected("ALREADY_EXISTS", create, same) == "workflow with identical structure already exists"
    add_node(source, "n1", task, n=("n0", "o0"))
    changed = workflow_pb2.WorkflowCreateRequest(id=source.id, spec=workflow_pb2.WorkflowSpec(template=source))
    assert "workflow with different structure" in rejected("INVALID_ARGUMENT", create, changed)
    assert "identical structure" in rejected("ALREADY_EXISTS", wire.register_plan, name, None, "v1", source.id)
    fixed = launch_plan_pb2.LaunchPlanSpec()
    fixed.fixed_inputs.literals["n"].CopyFrom(literal(1))
    assert "different structure" in rejected("INVALID_ARGUMENT", wire.register_plan, name, fixed, "v1", source.id)


def test_compiled_closure_has_start_and_end_nodes_and_no_start_in_upstreams(wire):
    name = unique("wf")
    task = echo_task(f"{name}.task", {"n": INTEGER}, {"o0": INTEGER})
    template = new_workflow(name, {"n": INTEGER}, {"o0": INTEGER})
    add_node(template, "n1", task, n=("n0", "o0"))
    add_node(template, "n0", task, n=("", "n"))
    add_node(template, "n2", task, after=["n1"], n=3)
    add_output(template, "o0", "n2", "o0")
    wire.register(template, tasks=[task])
    compiled = get_workflow(wire, name).closure.compiled_workflow
    nodes = {node.id: node for node in compiled.primary.template.nodes}
    assert list(nodes) == ["start-node", "end-node", "n1", "n0", "n2"]
    assert list(nodes["n0"].upstream_node_ids) == []
    assert list(nodes["n1"].upstream_node_ids) == []  # what a binding waits for is in the connections only
    assert list(nodes["n2"].upstream_node_ids) == ["n1"]
    assert nodes["n0"].inputs[0].binding.promise.node_id == "start-node"
    assert [binding.var for binding in nodes["end-node"].inputs] == ["o0"]
    connections = compiled.primary.connections
    assert {name: list(above.ids) for name, above in connections.upstream.items()} == {
        "n0": ["start-node"],
        "n1": ["n0"],
        "n2": ["n1"],
        "end-node": ["n2"],
    }
    assert list(connections.downstream["start-node"].ids) == ["n0"]
    assert list(connections.upstream["end-node"].ids) == ["n2"]
    assert [task.template.id.name for task in compiled.tasks] == [f"{name}.task"]


def test_workflow_with_a_missing_task_or_a_cycle_is_refused(wire):
    template = new_workflow(unique("wf"), {"n": INTEGER})
    add_node(template, "n0", echo_task("nowhere.task", {"n": INTEGER}, {}), n=("", "n"))
    assert "nowhere.task" in rejected("INVALID_ARGUMENT", wire.register, template)
    name = unique("wf")
    task = echo_task(f"{name}.task", {"n": INTEGER}, {"o0": INTEGER})
    cyclic = new_workflow(name)
    add_node(cyclic, "n0", task, n=("n1", "o0"))
    add_node(cyclic, "n1", task, n=("n0", "o0"))
    text = rejected("INVALID_ARGUMENT", wire.register, cyclic, tasks=[task])
    assert "unreachable nodes [n0,n1]" in text  # nothing leads from the start into this circle
    add_node(cyclic, "n2", task, n=1)
    cyclic.nodes[0].upstream_node_ids.append("n2")
    assert "[start-node>n2>n0>n1>n0]" in rejected("INVALID_ARGUMENT", wire.register, cyclic)


def test_launch_plan_of_a_missing_workflow_is_not_found(wire):
    text = rejected("NOT_FOUND", wire.register_plan, unique("lp"), None, "v1", workflow_id("nowhere"))
    assert "missing entity of type WORKFLOW" in text


def test_expected_inputs_leave_fixed_ones_out_and_keep_defaults(wire):
    name = unique("wf")
    inputs = {"a": INTEGER, "b": INTEGER, "c": INTEGER}
    template = new_workflow(name, inputs)
    add_node(template, "n0", (task := echo_task(f"{name}.task", {"n": INTEGER}, {})), n=("", "a"))
    plan = launch_plan_pb2.LaunchPlanSpec()
    plan.default_inputs.parameters["b"].var.type.CopyFrom(INTEGER)
    plan.default_inputs.parameters["b"].default.CopyFrom(literal(5))
    plan.fixed_inputs.literals["c"].CopyFrom(literal(7))
    wire.register(template, tasks=[task], plan=plan)
    stored = wire.admin.GetLaunchPlan(common_pb2.ObjectGetRequest(id=plan_id(name)))
    expected = stored.closure.expected_inputs.parameters
    assert set(expected) == {"a", "b"}
    assert expected["a"].required
    assert expected["b"].default.scalar.primitive.integer == 5
    assert stored.spec.default_inputs == stored.closure.expected_inputs  # flyteadmin augments the specification
    assert stored.closure.state == launch_plan_pb2.INACTIVE


def test_one_version_of_a_launch_plan_is_active(wire):
    name = unique("lp")
    workflow = workflow_id(echo_workflow(wire).name)
    for version in ("v1", "v2"):
        wire.register_plan(name, None, version, workflow)
    get_active = wire.admin.GetActiveLaunchPlan
    request = launch_plan_pb2.ActiveLaunchPlanRequest(
        id=common_pb2.NamedEntityIdentifier(project=P, domain=D, name=name)
    )
    rejected("NOT_FOUND", get_active, request)
    for version in ("v1", "v2"):
        update = launch_plan_pb2.LaunchPlanUpdateRequest(id=plan_id(name, version), state=launch_plan_pb2.ACTIVE)
        wire.admin.UpdateLaunchPlan(update)
        assert get_active(request).id.version == version
    first = wire.admin.GetLaunchPlan(common_pb2.ObjectGetRequest(id=plan_id(name, "v1")))
    assert first.closure.state == launch_plan_pb2.INACTIVE
    active = launch_plan_pb2.ActiveLaunchPlanListRequest(project=P, domain=D, limit=1000)
    names = [plan.id.name for plan in wire.admin.ListActiveLaunchPlans(active).launch_plans]
    assert names.count(name) == 1
    update = launch_plan_pb2.LaunchPlanUpdateRequest(id=plan_id(name, "v2"), state=launch_plan_pb2.INACTIVE)
    wire.admin.UpdateLaunchPlan(update)
    rejected("NOT_FOUND", get_active, request)


def test_newest_version_is_the_first_of_a_list_sorted_by_created_at(wire):
    name = unique("task")
    for version in ("b", "a", "c"):
        wire.register_task(echo_task(name, {"n": INTEGER}, {}, version))
    request = common_pb2.ResourceListRequest(
        id=common_pb2.NamedEntityIdentifier(project=P, domain=D, name=name),
        limit=2,
        sort_by=common_pb2.Sort(key="created_at", direction=common_pb2.Sort.DESCENDING),
    )
    first = wire.admin.ListTasks(request)
    assert [task.id.version for task in first.tasks] == ["c", "a"]
    request.token = first.token
    last = wire.admin.ListTasks(request)
    assert [task.id.version for task in last.tasks] == ["b"]
    assert last.token == ""
    request.token, request.filters = "", "eq(version,a)"
    assert [task.id.version for task in wire.admin.ListTasks(request).tasks] == ["a"]
    ids = common_pb2.NamedEntityIdentifierListRequest(project=P, domain=D, limit=1000)
    assert name in [entity.name for entity in wire.admin.ListTaskIds(ids).entities]


def test_named_entities_have_descriptions(wire):
    name = unique("task")
    wire.register_task(echo_task(name, {}, {}))
    key = {
        "resource_type": identifier_pb2.TASK,
        "id": common_pb2.NamedEntityIdentifier(project=P, domain=D, name=name),
    }
    metadata = common_pb2.NamedEntityMetadata(description="does nothing")
    wire.admin.UpdateNamedEntity(common_pb2.NamedEntityUpdateRequest(metadata=metadata, **key))
    found = wire.admin.GetNamedEntity(common_pb2.NamedEntityGetRequest(**key))
    assert found.metadata.description == "does nothing"


@pytest.mark.parametrize(("project", "domain"), [("nowhere", D), (P, "nowhere"), ("", D), (P, "")])
def test_unknown_project_or_domain_is_invalid(wire, project, domain):
    task = echo_task(unique("task"), {}, {})
    task.id.project, task.id.domain = project, domain
    rejected("INVALID_ARGUMENT", wire.register_task, task)


def test_missing_entities_are_not_found(wire):
    rejected("NOT_FOUND", wire.admin.GetTask, common_pb2.ObjectGetRequest(id=task_id("nowhere")))
    rejected("NOT_FOUND", get_workflow, wire, "nowhere")
    rejected("NOT_FOUND", wire.admin.GetTask, common_pb2.ObjectGetRequest(id=task_id("x", "")))  # only logged there


def test_projects_domains_and_version(wire):
    assert [project.id for project in wire.admin.ListProjects(project_pb2.ProjectListRequest()).projects] == [P]
    domains = wire.admin.GetDomains(project_pb2.GetDomainRequest()).domains
    assert [domain.id for domain in domains] == ["development", "staging", "production"]
    version = wire.admin.GetVersion(version_pb2.GetVersionRequest()).control_plane_version
    assert version.Version.startswith("v1.")


def test_task_spec_is_answered_back(wire):
    task = echo_task(unique("task"), {"n": INTEGER}, {"o0": INTEGER})
    task.metadata.discovery_version = "7"
    wire.admin.CreateTask(task_pb2.TaskCreateRequest(id=task.id, spec=task_pb2.TaskSpec(template=task)))
    stored = wire.admin.GetTask(common_pb2.ObjectGetRequest(id=task.id))
    assert stored.closure.compiled_task.template == task
    assert stored.closure.created_at.seconds > 0
