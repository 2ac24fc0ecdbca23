"""Workflows whose parts do not fit are refused when they are registered, in the words of FlytePropeller's compiler.

The messages are those that FlyteAdmin 1.16.8 gave (flyte1-engine-real.md, rows 3 to 3e).
"""

from __future__ import annotations

import pytest
from flyteidl.core import tasks_pb2, types_pb2
from google.protobuf import json_format

from bridge_core.sandbox import Sandbox

from .protos import (
    FLOAT,
    INTEGER,
    STRING,
    add_node,
    add_output,
    echo_task,
    fill_node,
    literal,
    new_workflow,
    rejected,
    shell_task,
    unique,
)

NONE = types_pb2.LiteralType(simple=types_pb2.NONE)
STRUCT = types_pb2.LiteralType(simple=types_pb2.STRUCT)


def union(*variants):
    made = types_pb2.LiteralType()
    for variant, tag in variants:
        made.union_type.variants.add().CopyFrom(variant)
        made.union_type.variants[-1].structure.tag = tag
    return made


def dataclass(**fields):
    made = types_pb2.LiteralType(simple=types_pb2.STRUCT)
    kinds = {INTEGER.simple: "integer", STRING.simple: "string"}
    properties = {name: {"type": kinds[type_.simple]} for name, type_ in fields.items()}
    json_format.ParseDict({"type": "object", "properties": properties}, made.metadata)
    for name, type_ in fields.items():
        made.structure.dataclass_type[name].CopyFrom(type_)
    return made


def blob(file_format):
    return types_pb2.LiteralType(blob=types_pb2.BlobType(format=file_format))


def joined(given, wanted, *path):
    """One task's output is the next one's input."""
    name = unique("joined")
    first, second = echo_task("give", {"n": INTEGER}, {"o0": given}), echo_task("take", {"a": wanted}, {})
    for task in (first, second):
        task.id.name = f"{name}.{task.id.name}"
    template = new_workflow(name, {"n": INTEGER})
    add_node(template, "n0", first, n=("", "n")).metadata.name = "give"
    add_node(template, "n1", second, a=("n0", "o0", *path)).metadata.name = "take"
    return template, [first, second]


@pytest.mark.parametrize(
    ("given", "wanted", "text"),
    [
        (INTEGER, FLOAT, ("simple:INTEGER", "simple:FLOAT")),
        (
            union((INTEGER, "int"), (STRING, "str")),
            INTEGER,
            (
                'union_type:{variants:{simple:INTEGER structure:{tag:"int"}} variants:{simple:STRING structure:{tag:"str"}}}',
                "simple:INTEGER",
            ),
        ),
        (
            union((INTEGER, "int"), (NONE, "none")),
            INTEGER,
            (
                'union_type:{variants:{simple:INTEGER structure:{tag:"int"}} variants:{simple:NONE structure:{tag:"none"}}}',
                "simple:INTEGER",
            ),
        ),
        (
            dataclass(x=INTEGER),
            dataclass(y=STRING),
            (
                "simple: STRUCT structure{dataclass_type:{key:x value:{simple:INTEGER}}",
                "simple: STRUCT structure{dataclass_type:{key:y value:{simple:STRING}}",
            ),
        ),
        (blob("csv"), blob("txt"), ('blob:{format:"csv"}', 'blob:{format:"txt"}')),
    ],
)
def test_promises_of_another_type(wire, given, wanted, text):
    template, tasks = joined(given, wanted)
    message = rejected("INVALID_ARGUMENT", wire.register, template, tasks=tasks)
    assert message.startswith("failed to compile workflow for [resource_type:WORKFLOW project:")
    assert (
        "with err: Collected Errors: 1\n\tError 0: Code: MismatchingTypes, Node Id: n1, Description: The output variable "
        f"'give.o0' has type [{text[0]}], but it's assigned to the input variable 'take.a' which has type type [{text[1]}]."
    ) in message


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (INTEGER, union((INTEGER, "int"), (NONE, "none"))),
        (dataclass(x=INTEGER, y=STRING), dataclass(x=INTEGER)),
        (dataclass(x=INTEGER), STRUCT),
        (blob("csv"), blob("")),
    ],
)
def test_promises_that_fit(wire, given, wanted):
    template, tasks = joined(given, wanted)
    wire.register(template, tasks=tasks)


def test_an_attribute_that_a_dataclass_has_not(wire):
    template, tasks = joined(dataclass(x=INTEGER), INTEGER, "nope")
    message = rejected("INVALID_ARGUMENT", wire.register, template, tasks=tasks)
    assert "Code: FieldNotFound, Node Id: n1, Description: Variable [o0] (type [simple:STRUCT metadata:{" in message
    assert "doesn't have field [nope]." in message


def test_inputs_that_are_not_bound_or_not_known(wire):
    name = unique("wf")
    task = echo_task(f"{name}.task", {"a": INTEGER, "b": union((INTEGER, "int"), (NONE, "none"))}, {})
    template = new_workflow(name)
    add_node(template, "n0", task, c=1)
    message = rejected("INVALID_ARGUMENT", wire.register, template, tasks=[task])
    assert "Error 0: Code: ParameterNotBound, Node Id: n0, Description: Parameter not bound [a].\n" in message
    assert (
        "Error 1: Code: VariableNameNotFound, Node Id: n0, Description: Variable [c] not found on node [n0].\n"
        in message
    )


def branching(name, right):
    task = echo_task(f"{name}.task", {"n": INTEGER}, {"o0": INTEGER})
    template = new_workflow(name, {"n": INTEGER}, {"o0": INTEGER})
    node = add_node(template, "n0", n=("", "n"))
    block = node.branch_node.if_else
    block.case.condition.comparison.left_value.var = "n"
    block.case.condition.comparison.right_value.CopyFrom(right)
    block.case.then_node.id = block.else_node.id = "arm"
    block.else_node.id = "other"
    for arm in (block.case.then_node, block.else_node):
        fill_node(arm, task, n=("", "n"))
    add_output(template, "o0", "n0", "o0")
    return template, task


def test_a_condition_on_none(wire):
    """``x.is_none()`` of flytekit: the compiler knows no such operand (condition.go:29)."""
    template, task = branching(unique("branch"), type_operand(scalar=literal(None).scalar))
    message = rejected("INVALID_ARGUMENT", wire.register, template, tasks=[task])
    assert "Code: ValueRequired, Node Id: n0, Description: Value required [RightValue.Val]." in message


def test_a_condition_on_a_call_that_is_written_inside_it(wire):
    """flytekit makes the call a node of the branch, which then waits for itself."""
    template, task = branching(unique("branch"), type_operand(primitive=literal(1).scalar.primitive))
    (node,) = template.nodes
    node.inputs[0].var = node.branch_node.if_else.case.condition.comparison.left_value.var = "n0.o0"
    node.inputs[0].binding.promise.node_id, node.inputs[0].binding.promise.var = "n0", "o0"
    message = rejected("INVALID_ARGUMENT", wire.register, template, tasks=[task])
    for text in (
        "Code: ParameterNotBound, Node Id: end-node, Description: Parameter not bound [o0].",
        "Code: ParameterNotBound, Node Id: n0, Description: Parameter not bound [n0.o0].",
        "Code: ValueRequired, Node Id: n0, Description: Value required [n0.o0].",
        "Code: VariableNameNotFound, Node Id: n0, Description: Variable [o0] not found on node [n0].",
    ):
        assert text in message


def type_operand(**value):
    from flyteidl.core import condition_pb2

    return condition_pb2.Operand(**value)


def asking(cpu):
    task = shell_task(unique("big"), "true")
    task.container.resources.requests.add(name=tasks_pb2.Resources.CPU, value=cpu)
    return task


def test_more_than_the_platform_has(wire, fresh, connect):
    text = "Requested CPU default [100] is greater than current limit set in the platform configuration [4]. Please contact "
    text += "Flyte Admins to change these limits or consult the configuration"
    assert rejected("INVALID_ARGUMENT", wire.register_task, asking("100")) == text
    wire.register_task(asking("4"))
    connect(fresh(task_limits={})).register_task(asking("100"))
    with pytest.raises(ValueError, match="got 'brain': '1'"):
        Sandbox(task_limits={"brain": "1"})
