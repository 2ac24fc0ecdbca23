"""What a registered workflow is made into, and why one is refused: the rules and words of flytepropeller's compiler."""

from __future__ import annotations

import pytest
from flyteidl.admin import common_pb2, workflow_pb2
from flyteidl.core import condition_pb2, types_pb2

from bridge_core.sandbox import Sandbox

from .protos import (
    INTEGER,
    STRING,
    Wire,
    add_node,
    add_output,
    echo_task,
    echo_workflow,
    fill_node,
    literal,
    new_workflow,
    plan_id,
    rejected,
    task_id,
    unique,
    workflow_id,
)

LIST = types_pb2.LiteralType(collection_type=INTEGER)


@pytest.fixture(scope="module")
def wire():
    with Sandbox(engine=False) as sandbox:
        connected = Wire(sandbox.endpoint)
        yield connected
        connected.close()


@pytest.fixture(scope="module")
def task(wire):
    one = echo_task("compiler.task", {"n": INTEGER}, {"o0": INTEGER})
    wire.register_task(one)
    return one


def compiled(wire, template, *subs):
    spec = workflow_pb2.WorkflowSpec(template=template, sub_workflows=subs)
    wire.admin.CreateWorkflow(workflow_pb2.WorkflowCreateRequest(id=template.id, spec=spec))
    return wire.admin.GetWorkflow(common_pb2.ObjectGetRequest(id=template.id)).closure.compiled_workflow


def refused(wire, template, *subs):
    spec = workflow_pb2.WorkflowSpec(template=template, sub_workflows=subs)
    request = workflow_pb2.WorkflowCreateRequest(id=template.id, spec=spec)
    text = rejected("INVALID_ARGUMENT", wire.admin.CreateWorkflow, request)
    start = "failed to compile workflow for ["
    assert text.startswith(start)
    head, _, found = text.partition("] with err: ")
    assert f'name:"{template.id.name}"' in head
    return found


def edges(connections):
    return {name: list(others.ids) for name, others in connections.items()}


def branch(template, task, *, otherwise=True, value=1):
    node = add_node(template, "n0", n=("", "n"))
    block = node.branch_node.if_else
    block.case.condition.comparison.operator = condition_pb2.ComparisonExpression.EQ
    block.case.condition.comparison.left_value.var = "n"
    block.case.condition.comparison.right_value.primitive.integer = value
    block.case.then_node.id = "yes"
    fill_node(block.case.then_node, task, n=("", "n"))
    if otherwise:
        block.else_node.id = "no"
        fill_node(block.else_node, task, n=3)
    return node


def test_arms_are_named_after_their_branch_and_wait_without_being_waited_for(wire, task):
    template = new_workflow(unique("branch"), {"n": INTEGER}, {"o": INTEGER})
    branch(template, task)
    add_output(template, "o", "n0", "o0")
    workflow = compiled(wire, template).primary
    assert [node.id for node in workflow.template.nodes] == ["start-node", "end-node", "n0"]
    block = workflow.template.nodes[2].branch_node.if_else
    assert (block.case.then_node.id, block.else_node.id) == ("n0-yes", "n0-no")
    assert block.case.then_node.inputs[0].binding.promise.node_id == "start-node"
    assert edges(workflow.connections.upstream) == {
        "n0": ["start-node"],
        "n0-yes": ["start-node"],
        "end-node": ["n0"],
    }
    assert edges(workflow.connections.downstream) == {"start-node": ["n0"], "n0": ["end-node"]}


def test_a_node_is_after_the_start_only_when_it_waits_for_nothing(wire, task):
    template = new_workflow(unique("loose"))
    add_node(template, "b", task, n=("a", "o0"))
    add_node(template, "a", task, n=1)
    add_node(template, "c", task, n=2)
    add_node(template, "a", task, n=("b", "o0"))  # an id that was there before: checked, and dropped
    workflow = compiled(wire, template).primary
    assert [node.id for node in workflow.template.nodes] == ["start-node", "end-node", "b", "a", "c"]
    assert edges(workflow.connections.upstream) == {
        "a": ["start-node"],
        "b": ["a"],
        "c": ["start-node"],
        "end-node": ["b", "c"],
    }


def test_the_failure_node_is_started_by_nothing(wire, task):
    template = new_workflow(unique("failing"), {"n": INTEGER})
    add_node(template, "n0", task, n=("", "n"))
    template.failure_node.id = "fn"
    fill_node(template.failure_node, task, n=("", "n"))
    connections = compiled(wire, template).primary.connections
    assert edges(connections.upstream)["fn"] == ["start-node"]
    assert "fn" not in edges(connections.downstream)["start-node"]


def test_sub_workflows_are_compiled_when_a_node_refers_to_them(wire, task):
    inner, idle = new_workflow(unique("inner"), {"n": INTEGER}, {"o": INTEGER}), new_workflow(unique("idle"))
    add_node(inner, "x", task, n=("", "n"))
    add_output(inner, "o", "x", "o0")
    add_node(idle, "y", task, n=1)
    outer = new_workflow(unique("outer"), {"n": INTEGER})
    add_node(outer, "n0", inner.id, n=("", "n"))
    closure = compiled(wire, outer, inner, idle)
    assert [[node.id for node in one.template.nodes] for one in closure.sub_workflows] == [
        ["start-node", "end-node", "x"],
        ["y"],
    ]
    assert [one.template.id.name for one in closure.tasks] == [task.id.name]


def test_all_that_is_wrong_is_told_sorted(wire, task):
    template = new_workflow(unique("wrong"), {"n": INTEGER, "s": STRING}, {"o": INTEGER})
    add_node(template, "a", task, n=("", "s"))
    add_node(template, "b", task, n=("ghost", "o0"))
    add_node(template, "c", task, m=1)
    add_node(template, "d", task, n=("a", "nothing"))
    add_output(template, "o", "a", "o0")
    first, *rest = refused(wire, template).splitlines()
    assert first == "Collected Errors: 7"
    found = [line.split(": ", 1)[1] for line in rest]
    assert found == [
        (
            "Code: MismatchingTypes, Node Id: a, Description: The output variable 's' has type [simple:STRING], but it's "
            "assigned to the input variable 'a.n' which has type type [simple:INTEGER]."
        ),
        "Code: NodeReferenceNotFound, Node Id: ghost, Description: Referenced node [ghost] not found.",
        "Code: ParameterNotBound, Node Id: b, Description: Parameter not bound [n].",
        "Code: ParameterNotBound, Node Id: c, Description: Parameter not bound [n].",
        "Code: ParameterNotBound, Node Id: d, Description: Parameter not bound [n].",
        "Code: VariableNameNotFound, Node Id: a, Description: Variable [nothing] not found on node [a].",
        "Code: VariableNameNotFound, Node Id: c, Description: Variable [m] not found on node [c].",
    ]


def test_a_circle_is_named(wire, task):
    template = new_workflow(unique("circle"))
    add_node(template, "a", task, after=["b"], n=1)
    add_node(template, "b", task, after=["start-node"], n=("a", "o0"))
    assert "[start-node>b>a>b]" in refused(wire, template)


def test_what_is_missing(wire, task):
    empty = new_workflow(unique("empty"))
    assert "Code: NoNodesFound" in refused(wire, empty)
    bare = new_workflow(unique("bare"))
    add_node(bare, "n0")
    assert "Description: Value required [Target]." in refused(wire, bare)
    no_default = new_workflow(unique("default"), {"n": INTEGER})
    branch(no_default, task, otherwise=False)
    assert "Branch Node must have either the else case set or a default error." in refused(wire, no_default)
    template = new_workflow(unique("none"))
    add_node(template, "n0", echo_task("nowhere.task", {}, {}))
    assert 'missing entity of type TASK with identifier project:"flytesnacks"' in refused(wire, template)
    template = new_workflow(unique("none"))
    add_node(template, "n0", plan_id("nowhere"))
    assert "missing entity of type LAUNCH_PLAN" in refused(wire, template)
    template = new_workflow(unique("none"))
    add_node(template, "n0", workflow_id("nowhere"))
    assert "Code: WorkflowReferenceNotFound, Node Id: n0" in refused(wire, template)


def test_a_reference_of_no_kind_is_another_one(wire, task):
    template = new_workflow(unique("kind"))
    node = add_node(template, "n0", task, n=1)
    node.task_node.reference_id.resource_type = 0
    text = refused(wire, template)
    assert f'Referenced Task [project:"flytesnacks" domain:"development" name:"{task.id.name}" version:"v1"]' in text


def test_two_sub_workflows_of_one_name_and_one_inside_itself(wire):
    inner = new_workflow(unique("inner"))
    add_node(inner, "n0", inner.id)
    outer = new_workflow(unique("outer"))
    add_node(outer, "n0", inner.id)
    assert "Trying to insert two nodes with the same id." in refused(wire, outer, inner, inner)
    assert "contains itself" in refused(wire, outer, inner)


def test_launch_plans_want_what_has_no_default(wire, task):
    plan = echo_workflow(wire)  # one input, required
    template = new_workflow(unique("outer"))
    add_node(template, "n0", plan)
    assert "Code: ParameterNotBound, Node Id: n0, Description: Parameter not bound [n]." in refused(wire, template)


def test_lists_maps_unions_and_enums_of_bindings(wire):
    union = types_pb2.LiteralType()
    for simple in (INTEGER, STRING):
        union.union_type.variants.add().collection_type.CopyFrom(simple)
    enum = types_pb2.LiteralType()
    enum.enum_type.values.extend(["red", "green"])
    optional = types_pb2.LiteralType()
    optional.union_type.variants.extend([INTEGER, types_pb2.LiteralType(simple=types_pb2.NONE)])
    inputs = {"l": LIST, "u": union, "e": enum, "o": optional}
    one = echo_task(unique("task"), inputs, {})
    wire.register_task(one)

    def node(template, color="red", item=1, other=1):
        made = add_node(template, "n0", one, e=color)
        for name, value in (("l", item), ("u", other)):
            scalar = made.inputs.add(var=name).binding.collection.bindings.add().scalar
            scalar.CopyFrom(literal(value).scalar)
        return template

    assert compiled(wire, node(new_workflow(unique("good"))))
    text = refused(wire, node(new_workflow(unique("bad")), color="blue", item="x", other=True))
    assert "is an Enum and expects value to be one of [[red green]].  Received [blue]" in text
    assert "Code: MismatchingTypes, Node Id: n0, Description: Variable [l] (type [simple:STRING])" in text
    assert "Code: IncompatibleBindingUnionValue" in text
    ambiguous = node(new_workflow(unique("bad")))
    del ambiguous.nodes[0].inputs[-1].binding.collection.bindings[:]
    assert "which is ambiguous as both variants" in refused(wire, ambiguous)


def test_names_that_no_variable_can_have(wire, task):
    template = new_workflow(unique("var"), {"n": INTEGER})
    add_node(template, "n0", task, n=("", "n.m"))
    assert "Code: SyntaxError, Node Id: n0, Description: Failed to parse element [n.m]." in refused(wire, template)
    template = new_workflow(unique("var"), {"n": LIST})
    add_node(template, "n0", task, n=("", "[1].n"))
    assert compiled(wire, template)


def test_task_of_the_registry_is_unchanged_by_what_the_compiler_completes(wire):
    bare = echo_task(unique("bare"), None, None)
    bare.interface.Clear()
    bare.interface.SetInParent()
    wire.register_task(bare)
    template = new_workflow(unique("wf"))
    add_node(template, "n0", bare)
    (inside,) = compiled(wire, template).tasks
    assert inside.template.interface.HasField("inputs")
    stored = wire.admin.GetTask(common_pb2.ObjectGetRequest(id=task_id(bare.id.name)))
    assert not stored.closure.compiled_task.template.interface.HasField("inputs")
