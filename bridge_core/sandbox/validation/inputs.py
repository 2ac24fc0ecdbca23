"""The inputs of launch plans and executions: FlyteAdmin's checks, in its words.

After flyteadmin ``pkg/manager/impl/validation``: ``validation.go``, ``launch_plan_validator.go``, ``execution_validator.go``.
Where it looks at one entry of a Go map and leaves, all are looked at here: its answer depends on the order of the map.
"""

from __future__ import annotations

from typing import Any

from flyteidl.core import interface_pb2, literals_pb2, types_pb2

from ..model.go_text import go_text
from ..model.status import Rejected
from .interfaces import castable, is_typed, type_of

__all__ = ["check_literals", "check_parameters", "execution_inputs", "expected_inputs", "type_checked"]

_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799  # of the years 1 and 9999
_NANOSECONDS = 1_000_000_000


def check_literals(literals: Any, what: str) -> None:
    """Refuses inputs without name or value (`validateLiteralMap`).

    Args:
        literals: LiteralMap of a request.
        what: Its name in messages.

    Raises:
        Rejected: INVALID_ARGUMENT.
    """
    for name, literal in literals.literals.items():
        if not name:
            raise _invalid(f"missing key in {what}")
        if literal.WhichOneof("value") is None:
            raise _invalid(f"missing valid literal in {what} {name}")
        if literal.scalar.primitive.HasField("datetime"):
            _check_datetime(literal)


def check_parameters(parameters: Any, what: str) -> None:
    """Refuses default inputs that are not whole, or of another type than they say (`validateParameterMap`).

    Raises:
        Rejected: INVALID_ARGUMENT.
    """
    for name, parameter in parameters.parameters.items():
        type_, behavior = parameter.var.type, parameter.WhichOneof("behavior")
        if behavior == "artifact_query":
            raise _invalid(f"artifact mode not enabled but query found {what} {name}")
        if not name:
            raise _invalid(f"missing key in {what}")
        if not parameter.var.HasField("type"):
            raise _invalid(
                f"The Variable component of the Parameter {name} in {what} either is missing, or has a missing Type"
            )
        if behavior != "default" and not parameter.required:
            raise _invalid(
                f"Invalid variable {name} in {what} - variable has neither default, nor is required. One must be specified"
            )
        if behavior != "default":
            continue
        found = type_checked(name, parameter.default)
        if not castable(found, type_):
            raise _invalid(
                f"Type mismatch for Parameter {name} in {what} has type {go_text(type_)}, expected {go_text(found)}"
            )
        if type_.simple == types_pb2.DATETIME:
            _check_datetime(parameter.default)


def expected_inputs(interface: Any, plan: Any) -> Any:
    """The inputs a launch plan leaves open: those with a default, and the rest required, without the fixed ones.

    Args:
        interface: TypedInterface of its workflow.
        plan: LaunchPlanSpec.

    Returns:
        ParameterMap. One that is fixed and has a default is in it, and no execution can be created then: so it is there.

    Raises:
        Rejected: INVALID_ARGUMENT, when the plan and its workflow do not fit.
    """
    declared = interface.inputs.variables
    defaults, fixed = plan.default_inputs.parameters, plan.fixed_inputs.literals
    for kind, given in (("default", defaults), ("fixed", fixed)):
        if given and not declared:
            raise _invalid(f"invalid launch plan {kind} inputs, expected none but found {len(given)}")
        for name in given:
            if name not in declared:
                raise _invalid(f"unexpected {kind}_input {name}")
            found = defaults[name].var.type if kind == "default" else type_checked(name, fixed[name])
            if not castable(found, declared[name].type):
                sides = (found, declared[name].type) if kind == "default" else (declared[name].type, found)
                raise _invalid(
                    f"invalid {kind}_input wrong type {name}, expected {go_text(sides[0])}, got {go_text(sides[1])} instead"
                )
    expected = interface_pb2.ParameterMap()
    for name, variable in declared.items():
        if name in defaults:
            expected.parameters[name].CopyFrom(defaults[name])
        elif name not in fixed:
            expected.parameters[name].var.type.CopyFrom(variable.type)
            expected.parameters[name].var.description = variable.description
            expected.parameters[name].required = True
    return expected


def execution_inputs(given: Any, plan: Any) -> Any:
    """What an execution runs with: what was given, defaults, fixed inputs (`CheckAndFetchInputsForExecution`).

    Args:
        given: LiteralMap of the request.
        plan: LaunchPlan.

    Raises:
        Rejected: INVALID_ARGUMENT. A fixed input is none that can be given: it is an invalid input like an unknown one.
    """
    expected = plan.closure.expected_inputs.parameters
    inputs = literals_pb2.LiteralMap()
    for name, literal in given.literals.items():
        if name not in expected:
            raise _invalid(f"invalid input {name}")
        inputs.literals[name].CopyFrom(literal)
    for name, parameter in expected.items():
        if name in inputs.literals:
            found = type_checked(name, inputs.literals[name])
            if not castable(found, parameter.var.type):
                raise _invalid(
                    f"invalid {name} input wrong type. Expected {go_text(parameter.var.type)}, but got {go_text(found)}"
                )
        elif parameter.WhichOneof("behavior") == "required" and parameter.required:
            raise _invalid(f"expected_inputs {name} missing")
        elif parameter.WhichOneof("behavior") == "default":
            inputs.literals[name].CopyFrom(parameter.default)
    for name, literal in plan.spec.fixed_inputs.literals.items():
        if name in inputs.literals:
            raise _invalid(f"fixed_inputs {name} cannot be overridden")
        inputs.literals[name].CopyFrom(literal)
    return inputs


def type_checked(name: str, literal: Any) -> Any:
    """The type of a value.

    Raises:
        Rejected: INVALID_ARGUMENT, it has none that FlyteAdmin knows.
    """
    if not is_typed(literal):
        raise _invalid(
            f"Failed to validate literal type for [{name}] with err: got unknown literal type: [<nil>].\n"
            "Suggested solution: Please update all your Flyte deployment images to the latest version and try again"
        )
    return type_of(literal)


def _check_datetime(literal: Any) -> None:
    stamp = literal.scalar.primitive.datetime
    text = f"proto: timestamp ({go_text(stamp)})"
    if stamp.seconds < _FIRST_SECOND:
        raise _invalid(f"{text} before 0001-01-01")
    if stamp.seconds > _LAST_SECOND:
        raise _invalid(f"{text} after 9999-12-31")
    if not 0 <= stamp.nanos < _NANOSECONDS:
        raise _invalid(f"{text} has out-of-range nanos")


def _invalid(text: str) -> Rejected:
    return Rejected("INVALID_ARGUMENT", text)
