"""What is refused of inputs, labels and notifications, of executions and launch plans, in flyteadmin's words."""

from __future__ import annotations

import pytest
from flyteidl.admin import common_pb2, execution_pb2, launch_plan_pb2
from flyteidl.core import literals_pb2, types_pb2

from .protos import (
    INTEGER,
    PHASE,
    STRING,
    D,
    P,
    add_node,
    add_output,
    echo_task,
    echo_workflow,
    literal,
    literals,
    new_workflow,
    rejected,
    unique,
    workflow_id,
)

DATETIME = types_pb2.LiteralType(simple=types_pb2.DATETIME)


@pytest.fixture(scope="module")
def target(wire):
    """A launch plan that wants the integer n."""
    return echo_workflow(wire)


@pytest.fixture(scope="module")
def timed(wire):
    """A launch plan that wants the datetime at."""
    name = unique("timed")
    task = echo_task(f"{name}.task", {"at": DATETIME}, {"o0": DATETIME})
    template = new_workflow(name, {"at": DATETIME}, {"o0": DATETIME})
    add_node(template, "n0", task, at=("", "at"))
    add_output(template, "o0", "n0", "o0")
    return wire.register(template, tasks=[task])


def at(**stamp):
    value = literals_pb2.Literal()
    value.scalar.primitive.datetime.SetInParent()
    for field, number in stamp.items():
        setattr(value.scalar.primitive.datetime, field, number)
    return value


def launch(wire, target, *, legacy=False, **given):
    request = execution_pb2.ExecutionCreateRequest(project=P, domain=D)
    request.spec.launch_plan.CopyFrom(target)
    (request.spec.inputs if legacy else request.inputs).MergeFrom(literals_pb2.LiteralMap(literals=given))
    return wire.admin.CreateExecution(request).id


@pytest.mark.parametrize("legacy", [False, True])
def test_an_input_without_a_value(wire, target, legacy):
    """Also one of the old field of inputs, which flyteadmin reads when the new one is empty."""
    empty = literals_pb2.Literal()
    assert (
        rejected("INVALID_ARGUMENT", launch, wire, target, legacy=legacy, n=empty)
        == "missing valid literal in inputs n"
    )
    hollow = literals_pb2.Literal(scalar=literals_pb2.Scalar())
    text = rejected("INVALID_ARGUMENT", launch, wire, target, legacy=legacy, n=hollow)
    assert text.startswith("Failed to validate literal type for [n] with err: got unknown literal type: [<nil>]")


def test_an_input_without_a_name(wire, target):
    request = execution_pb2.ExecutionCreateRequest(project=P, domain=D)
    request.spec.launch_plan.CopyFrom(target)
    request.inputs.literals[""].CopyFrom(literal(1))
    assert rejected("INVALID_ARGUMENT", wire.admin.CreateExecution, request) == "missing key in inputs"


def test_an_input_of_another_type_is_told_with_both(wire, target):
    text = rejected("INVALID_ARGUMENT", launch, wire, target, n=literal("one"))
    assert text == "invalid n input wrong type. Expected simple:INTEGER, but got simple:STRING"


@pytest.mark.parametrize(
    ("stamp", "words"),
    [
        ({"seconds": -62_135_596_801}, "before 0001-01-01"),
        ({"seconds": 253_402_300_800}, "after 9999-12-31"),
        ({"nanos": 1_000_000_000}, "out-of-range nanos"),
        ({"nanos": -1}, "out-of-range nanos"),
    ],
)
def test_times_that_are_none(wire, timed, stamp, words):
    assert words in rejected("INVALID_ARGUMENT", launch, wire, timed, at=at(**stamp))


def test_the_first_and_the_last_time_are_taken(wire, timed):
    for stamp in ({"seconds": -62_135_596_800}, {"seconds": 253_402_300_799, "nanos": 999_999_999}):
        assert wire.wait(launch(wire, timed, at=at(**stamp))).closure.phase == PHASE.SUCCEEDED


def plan(*, fixed=None, default=None, default_type=INTEGER, **spec):
    result = launch_plan_pb2.LaunchPlanSpec(**spec)
    for name, given in (fixed or {}).items():
        result.fixed_inputs.literals[name].CopyFrom(given)
    for name, given in (default or {}).items():
        result.default_inputs.parameters[name].var.type.CopyFrom(default_type)
        result.default_inputs.parameters[name].default.CopyFrom(given)
    return result


def without(field):
    result = plan(default={"n": literal(1)})
    result.default_inputs.parameters["n"].ClearField(field)
    return result


def with_query():
    result = without("default")
    result.default_inputs.parameters["n"].artifact_query.SetInParent()
    return result


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (plan(fixed={"m": literal(1)}), "unexpected fixed_input m"),
        (plan(default={"m": literal(1)}), "unexpected default_input m"),
        (plan(fixed={"n": literals_pb2.Literal()}), "missing valid literal in fixed_inputs n"),
        (plan(fixed={"": literal(1)}), "missing key in fixed_inputs"),
        (plan(default={"": literal(1)}), "missing key in default_inputs"),
        (
            plan(fixed={"n": literal("x")}),
            "invalid fixed_input wrong type n, expected simple:INTEGER, got simple:STRING",
        ),
        (
            plan(default={"n": literal("x")}, default_type=STRING),
            "invalid default_input wrong type n, expected simple:STRING, got simple:INTEGER",
        ),
        (plan(default={"n": literal("x")}), "Type mismatch for Parameter n in default_inputs"),
        (plan(default={"n": literals_pb2.Literal()}), "Failed to validate literal type for [n]"),
        (without("var"), "The Variable component of the Parameter n in default_inputs either is missing"),
        (without("default"), "Invalid variable n in default_inputs - variable has neither default, nor is required"),
        (with_query(), "artifact mode not enabled but query found default_inputs n"),
        (plan(labels=common_pb2.Labels(values={"a b": "x"})), "invalid label key [a b]"),
        (plan(labels=common_pb2.Labels(values={"a": "x y"})), "invalid label value [x y]"),
        (
            plan(labels=common_pb2.Labels(values={f"k{n}": "v" for n in range(17)})),
            "labels map cannot exceed 16 entries",
        ),
    ],
)
def test_launch_plans_that_are_refused(wire, target, spec, words):
    source = workflow_id(target.name)
    assert words in rejected("INVALID_ARGUMENT", wire.register_plan, unique("plan"), spec, "v1", source)


def test_a_workflow_without_inputs_takes_no_plan_with_some(wire):
    name = unique("none")
    template = new_workflow(name)
    add_node(template, "n0", (task := echo_task(f"{name}.task", {}, {})))
    wire.register(template, tasks=[task])
    for kind in ("fixed", "default"):
        spec = plan(**{kind: {"n": literal(1)}})
        text = rejected("INVALID_ARGUMENT", wire.register_plan, unique("plan"), spec, "v1", template.id)
        assert text == f"invalid launch plan {kind} inputs, expected none but found 1"


def test_an_input_that_is_fixed_and_has_a_default_can_never_be_launched(wire, target):
    """Flyteadmin takes the plan, and takes the default for what the caller overrides the fixed input with."""
    spec = plan(fixed={"n": literal(1)}, default={"n": literal(2)})
    both = wire.register_plan(unique("plan"), spec, "v1", workflow_id(target.name))
    for inputs in (literals(), literals(n=3)):
        text = rejected("INVALID_ARGUMENT", wire.launch, both, inputs=inputs)
        assert text == "fixed_inputs n cannot be overridden"


def test_annotations_have_no_rules(wire, target):
    """Neither here nor there: flyteadmin checks labels only."""
    odd = common_pb2.Annotations(values={"a b": "x y\n" * 100, **{f"k{n}": "" for n in range(20)}})
    annotated = wire.register_plan(unique("plan"), plan(annotations=odd), "v1", workflow_id(target.name))
    assert wire.run(annotated, literals(n=1), annotations=odd).spec.annotations == odd


def notice(*recipients, phases=(PHASE.FAILED,)):
    return common_pb2.Notification(email=common_pb2.EmailNotification(recipients_email=recipients), phases=phases)


@pytest.mark.parametrize(
    ("notification", "words"),
    [
        (common_pb2.Notification(phases=[PHASE.FAILED]), "invalid value for notification type"),
        (notice(), "missing recipients"),
        (notice("a@example.com", ""), "missing recipient"),
        (notice("a@example.com", phases=[PHASE.FAILED, PHASE.RUNNING]), "invalid value for phase"),
    ],
)
def test_notifications_that_are_refused(wire, target, notification, words):
    listed = execution_pb2.NotificationList(notifications=[notification])
    assert rejected("INVALID_ARGUMENT", wire.launch, target, inputs=literals(n=1), notifications=listed) == words
    spec = plan(entity_metadata=launch_plan_pb2.LaunchPlanMetadata(notifications=[notification]))
    source = workflow_id(target.name)
    assert rejected("INVALID_ARGUMENT", wire.register_plan, unique("plan"), spec, "v1", source) == words
