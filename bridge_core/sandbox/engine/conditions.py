"""Conditions of branch nodes (flytepropeller ``pkg/controller/nodes/branch/evaluator.go`` and ``comparator.go``)."""

from __future__ import annotations

import operator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyteidl.core import condition_pb2

from ..model.literals import loaded, unwrapped
from ..model.outcome import Failure

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MALFORMED", "holds"]

MALFORMED = "MalformedBranchUserError"

_Comparison = condition_pb2.ComparisonExpression
_OPERATORS: dict[int, Callable[[Any, Any], bool]] = {
    _Comparison.EQ: operator.eq,
    _Comparison.NEQ: operator.ne,
    _Comparison.GT: operator.gt,
    _Comparison.GTE: operator.ge,
    _Comparison.LT: operator.lt,
    _Comparison.LTE: operator.le,
}


def holds(expression: Any, inputs: Any, local: Callable[[str], Path] = Path) -> bool:
    """Whether a boolean expression is true for the inputs of the branch node. Both sides of and/or are evaluated.

    Args:
        expression: The expression.
        inputs: The inputs.
        local: Where the file of a native URL is, see `Layout.local`.

    Raises:
        Failure: An operand is missing, or two operands cannot be compared.
    """
    if expression.WhichOneof("expr") == "conjunction":
        both = expression.conjunction
        left, right = holds(both.left_expression, inputs, local), holds(both.right_expression, inputs, local)
        return (left and right) if both.operator == condition_pb2.ConjunctionExpression.AND else (left or right)
    comparison = expression.comparison
    left_value, right_value = (
        _value(comparison.left_value, inputs, local),
        _value(comparison.right_value, inputs, local),
    )
    comparable = left_value is None or right_value is None or type(left_value) is type(right_value)
    equality = comparison.operator in (_Comparison.EQ, _Comparison.NEQ)
    if not comparable or (not equality and (left_value is None or isinstance(left_value, bool))):
        raise _malformed(f"cannot compare {left_value!r} with {right_value!r}")
    return _OPERATORS[comparison.operator](left_value, right_value)


def _value(operand: Any, inputs: Any, local: Callable[[str], Path]) -> Any:
    kind = operand.WhichOneof("val")
    if kind == "var":
        if operand.var not in inputs.literals:
            raise _malformed(f"Failed to find Value for Variable [{operand.var}]")
        scalar = unwrapped(loaded(inputs.literals[operand.var], local)).scalar
    elif kind == "scalar":
        scalar = operand.scalar
    else:
        return _primitive(operand.primitive)
    if scalar.WhichOneof("value") == "none_type":
        return None
    if scalar.WhichOneof("value") != "primitive":
        raise _malformed(f"a {scalar.WhichOneof('value') or 'non-scalar'} value cannot be compared")
    return _primitive(scalar.primitive)


def _primitive(primitive: Any) -> Any:
    name = primitive.WhichOneof("value")
    if name is None:
        return None
    value = getattr(primitive, name)
    return value.seconds if name in ("datetime", "duration") else value  # compared in whole seconds, as propeller does


def _malformed(text: str) -> Failure:
    return Failure(MALFORMED, f"[{MALFORMED}] {text}")
