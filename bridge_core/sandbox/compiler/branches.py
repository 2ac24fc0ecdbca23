"""Conditions of branches, and what their arms have in common.

After flytepropeller ``pkg/compiler/validators/branch.go`` and ``condition.go``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.core import literals_pb2

from ..validation.interfaces import type_of
from .bindings import type_text

if TYPE_CHECKING:
    from .findings import Findings
    from .graph import Vertex

__all__ = ["check_branch", "check_outputs_of_arms"]


def check_branch(vertex: Vertex, findings: Findings) -> None:
    """Every case needs a condition and a node, and there must be something for when none holds."""
    block = vertex.message.branch_node.if_else
    cases = list(block.other)
    if block.HasField("case"):
        cases.insert(0, block.case)
    else:
        _no_condition(vertex, findings)
    for case in cases:
        if case.HasField("condition"):
            _check_condition(vertex, case.condition, findings)
        else:
            _no_condition(vertex, findings)
        if not case.HasField("then_node"):
            findings.add("BranchNodeIdNotFound", vertex.id, "BranchNode not assigned")
    if block.WhichOneof("default") is None:
        text = "Branch Node must have either the else case set or a default error."
        findings.add("BranchNodeHasNoDefault", vertex.id, text)


def check_outputs_of_arms(outputs: list[tuple[str, Any]], findings: Findings) -> set[str]:
    """Names that all arms share; what they share must be of one type."""
    if not outputs:
        return set()
    first = outputs[0][1]
    shared = set(first)
    for arm, others in outputs[1:]:
        shared &= set(others)
        for name in shared:
            one, other = first[name].type, others[name].type
            if one != other:
                findings.mismatch(arm, name, type_text(one), type_text(other))
    return shared


def _no_condition(vertex: Vertex, findings: Findings) -> None:
    text = "One of the branches on the node doesn't have a condition."
    findings.add("BranchNodeHasNoCondition", vertex.id, text)


def _check_condition(vertex: Vertex, condition: Any, findings: Findings) -> None:
    kind = condition.WhichOneof("expr")
    if kind == "conjunction":
        for side in ("left_expression", "right_expression"):
            if condition.conjunction.HasField(side):
                _check_condition(vertex, getattr(condition.conjunction, side), findings)
            else:
                _no_condition(vertex, findings)
    elif kind == "comparison":
        right = _operand(vertex, "RightValue", condition.comparison, "right_value", findings)
        left = _operand(vertex, "LeftValue", condition.comparison, "left_value", findings)
        if right is not None and left is not None and right != left:
            findings.mismatch(vertex.id, "RightValue", type_text(right), type_text(left))
    else:
        findings.value_required(vertex.id, "Expr")


def _operand(vertex: Vertex, name: str, comparison: Any, field: str, findings: Findings) -> Any | None:
    """The type of one side of a comparison, as far as it is known."""
    operand = getattr(comparison, field)
    kind = operand.WhichOneof("val")
    if not comparison.HasField(field):
        findings.value_required(vertex.id, name)
    elif kind == "primitive":
        return type_of(literals_pb2.Literal(scalar=literals_pb2.Scalar(primitive=operand.primitive)))
    elif kind == "var" and operand.var:
        if vertex.interface is None:
            findings.value_required(vertex.id, operand.var)
        elif operand.var in vertex.interface.inputs.variables:
            return vertex.interface.inputs.variables[operand.var].type
        elif all(binding.var != operand.var for binding in vertex.message.inputs):
            findings.no_variable(vertex.id, operand.var)
    else:
        findings.value_required(vertex.id, f"{name}.Val")
    return None
