"""Whether the parts of a workflow fit: types of promises, conditions, attributes, what is bound and what is not.

After flytepropeller ``pkg/compiler/validators``: ``bindings.go``, ``interface.go``, ``branch.go``, ``condition.go``, ``node.go``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from flyteidl.core import identifier_pb2, literals_pb2, types_pb2

from ..model.go_text import go_text
from ..model.ids import END_NODE, START_NODE
from .compile_errors import CompileErrors, type_text
from .interfaces import castable, type_of_scalar
from .workflow_graph import branch_arms, identifier_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["Types"]

Variables = dict[str, Any]
"""Types by name."""


@dataclass(frozen=True, slots=True)
class _Interface:
    inputs: Variables
    outputs: Variables


@dataclass(frozen=True, slots=True)
class _Slot:
    """What something is bound to."""

    node_id: str
    name: str
    """Of the node, as users know it; empty for none."""
    var: str
    wanted: Any
    """The declared type; None where any will do."""
    errors: CompileErrors

    def __str__(self) -> str:
        return f"Input [{self.var}] on node [{self.node_id}]"


class Types:
    """Checks one template.

    Args:
        template: The template with its start and end nodes, ids of arms already those of the compiled workflow.
        subs: Templates of sub-workflows by identifier key.
        find: Registry look-up.
        errors: Where errors go.
    """

    def __init__(
        self,
        template: Any,
        subs: Mapping[tuple[str, str, str, str], Any],
        *,
        find: Callable[[Any], Any | None],
        errors: CompileErrors,
    ) -> None:
        self._template = template
        self._subs = subs
        self._find = find
        self._errors = errors
        self._nodes = {node.id: node for node in template.nodes}
        self._known: dict[str, _Interface | None] = {
            START_NODE: _Interface({}, _types(template.interface.inputs)),
            END_NODE: _Interface(_types(template.interface.outputs), {}),
        }

    def check(self) -> None:
        """Looks at every node, then at what is bound to the outputs of the workflow."""
        nodes = [node for node in self._template.nodes if node.id not in (START_NODE, END_NODE)]
        for node in nodes:
            self._check_conditions(node)
        if self._template.HasField("failure_node"):
            nodes.append(self._template.failure_node)
        for node in nodes:
            self._check_inputs(node)
        self._bound(self._nodes[END_NODE], self._template.outputs, _types(self._template.interface.outputs))

    def _check_inputs(self, node: Any) -> None:
        interface = self._interface(node)
        if interface is not None:
            self._bound(node, node.inputs, interface.inputs)
        if node.WhichOneof("target") == "branch_node":
            for arm in branch_arms(node.branch_node):
                self._check_inputs(arm)

    # Interfaces.

    def _interface(self, node: Any) -> _Interface | None:
        """What a node takes and gives; None when that cannot be told, or while it is being found out."""
        if node.id not in self._known:
            self._known[node.id] = None
            self._known[node.id] = self._found_interface(node)
        return self._known[node.id]

    def _found_interface(self, node: Any) -> _Interface | None:
        target = node.WhichOneof("target")
        if target == "task_node":
            return self._of_task(node.task_node.reference_id)
        if target == "workflow_node":
            return self._of_workflow(node)
        if target == "array_node":
            # As there: this release knows of no array whose inner node has the interface of one item.
            return self._found_interface(node.array_node.node)
        if target == "branch_node":
            return self._of_branch(node)
        return self._of_gate(node) if target == "gate_node" else None

    def _of_task(self, reference: Any) -> _Interface | None:
        task = self._find(reference)
        if task is None:
            return None
        interface = task.closure.compiled_task.template.interface
        return _Interface(_types(interface.inputs), _types(interface.outputs))

    def _of_workflow(self, node: Any) -> _Interface | None:
        if node.workflow_node.WhichOneof("reference") == "sub_workflow_ref":
            sub = self._subs.get(identifier_key(node.workflow_node.sub_workflow_ref))
            return None if sub is None else _Interface(_types(sub.interface.inputs), _types(sub.interface.outputs))
        reference = identifier_pb2.Identifier()
        reference.CopyFrom(node.workflow_node.launchplan_ref)
        reference.resource_type = identifier_pb2.LAUNCH_PLAN
        plan = self._find(reference)
        if plan is None:
            return None
        bound = {binding.var for binding in node.inputs}
        inputs = {
            name: parameter.var.type
            for name, parameter in plan.closure.expected_inputs.parameters.items()
            if parameter.required or name in bound
        }
        return _Interface(inputs, _types(plan.closure.expected_outputs))

    def _of_branch(self, node: Any) -> _Interface | None:
        outputs: Variables | None = None
        for arm in branch_arms(node.branch_node):
            interface = self._interface(arm)
            if interface is None:
                continue
            if outputs is None:
                outputs = dict(interface.outputs)
                continue
            outputs = {name: type_ for name, type_ in outputs.items() if name in interface.outputs}
            for name, type_ in outputs.items():
                if _differ(type_, interface.outputs[name]):
                    self._errors.mismatch(arm.id, name, type_, interface.outputs[name])
        inputs = self._resolved(node)
        return None if outputs is None or inputs is None else _Interface(inputs, outputs)

    def _of_gate(self, node: Any) -> _Interface | None:
        gate = node.gate_node
        kind = gate.WhichOneof("condition")
        if kind == "approve":
            inputs = self._resolved(node)
            return None if inputs is None else _Interface(inputs, inputs)
        if kind == "signal":
            if not gate.signal.HasField("type"):
                self._errors.value_required(node.id, "GateNode.Signal.Type")
                return None
            if not gate.signal.output_variable_name:
                self._errors.value_required(node.id, "GateNode.Signal.OutputVariableName")
                return None
            return _Interface({}, {gate.signal.output_variable_name: gate.signal.type})
        if kind is None:
            self._errors.add("NoConditionFound", node.id, f"Can't find any condition in gate node [{node.id}].")
            return None
        return _Interface({}, {})

    def _resolved(self, node: Any) -> Variables | None:
        """The types of what is bound to a node whose inputs are not declared; None when something is wrong with it."""
        errors, found = CompileErrors(), {}
        for binding in node.inputs:
            found[binding.var] = self._type_of(_Slot(node.id, "", binding.var, None, errors), binding.binding)
        self._errors.add_all(errors)
        return None if errors else found

    # Bindings.

    def _bound(self, node: Any, bindings: Iterable[Any], wanted: Variables) -> None:
        seen: set[str] = set()
        name = node.metadata.name if node.HasField("metadata") else ""
        for binding in bindings:
            var = binding.var
            if var not in wanted:
                self._errors.no_variable(node.id, var, node.id)
            elif var in seen:
                self._errors.add("ParameterBoundMoreThanOnce", node.id, f"Input [{var}] is bound more than once.")
            else:
                seen.add(var)
                self._type_of(_Slot(node.id, name, var, wanted[var], self._errors), binding.binding)
        for missing in wanted.keys() - seen:
            if not _optional(wanted[missing]):
                self._errors.not_bound(node.id, missing)

    def _type_of(self, slot: _Slot, binding: Any) -> Any | None:
        """The type of what is bound; None when something is wrong with it."""
        kind = binding.WhichOneof("value")
        if kind == "promise":
            return self._type_of_promise(slot, binding.promise)
        if kind == "scalar":
            return _type_of_scalar(slot, binding.scalar)
        if slot.wanted is not None and slot.wanted.WhichOneof("type") == "union_type":
            return self._type_in_union(slot, binding)
        if kind == "collection":
            items, inside = list(binding.collection.bindings), "collection_type"
        elif kind == "map":
            items, inside = list(binding.map.bindings.values()), "map_value_type"
        else:
            return slot.wanted  # a literal that was offloaded, or nothing
        if slot.wanted is not None and slot.wanted.WhichOneof("type") != inside:
            text = f"{slot} expects bindings of type [{type_text(slot.wanted)}].  Received [{kind}]"
            slot.errors.add("MismatchingBindings", slot.node_id, text)
            return None
        below = replace(slot, wanted=None if slot.wanted is None else getattr(slot.wanted, inside))
        given = types_pb2.LiteralType()
        getattr(given, inside).SetInParent()
        for item in items:
            found = self._type_of(below, item)
            if found is not None:
                getattr(given, inside).CopyFrom(found)
        return given

    def _type_in_union(self, slot: _Slot, binding: Any) -> Any | None:
        fitting = []
        for variant in slot.wanted.union_type.variants:
            attempt = CompileErrors()
            found = self._type_of(replace(slot, wanted=variant, errors=attempt), binding)
            if not attempt:
                fitting.append((variant, found))
        if len(fitting) == 1:
            return fitting[0][1]
        text = f"{slot} expects bindings of union type [{type_text(slot.wanted)}].  Received [binding]"
        if fitting:
            both = " and ".join(f"[{type_text(variant)}]" for variant, _ in fitting[:2])
            text = f"{text} which is ambiguous as both variants {both} match."
            slot.errors.add("AmbiguousBindingUnionValue", slot.node_id, text)
        else:
            text = f"{text} which does not match any of the variants."
            slot.errors.add("IncompatibleBindingUnionValue", slot.node_id, text)
        return None

    def _type_of_promise(self, slot: _Slot, promise: Any) -> Any | None:
        source = self._nodes.get(promise.node_id or START_NODE)
        if source is None:
            text = f"Referenced node [{promise.node_id}] not found."
            slot.errors.add("NodeReferenceNotFound", promise.node_id, text)
            slot.errors.not_bound(slot.node_id, slot.var)
            return None
        interface = self._interface(source)
        declared = None if interface is None else interface.outputs.get(promise.var)
        if declared is None:
            slot.errors.no_variable(source.id, promise.var, source.id)
            slot.errors.not_bound(slot.node_id, slot.var)
            return None
        given = declared
        for attribute in promise.attr_path:
            kind = given.WhichOneof("type")
            if kind in ("collection_type", "map_value_type"):
                given = getattr(given, kind)
            elif given.structure.dataclass_type:
                field = attribute.string_value
                if field not in given.structure.dataclass_type:
                    text = f"Variable [{promise.var}] (type [{go_text(given)}]) doesn't have field [{field}]."
                    slot.errors.add("FieldNotFound", slot.node_id, text)
                    return None
                given = given.structure.dataclass_type[field]
        if slot.wanted is not None and not castable(given, slot.wanted):
            output = f"{source.metadata.name}.{promise.var}" if source.HasField("metadata") else promise.var
            target = f"{slot.name}.{slot.var}" if slot.name else slot.var
            slot.errors.mismatching_variables(slot.node_id, output, given, target, slot.wanted)
            return None
        return declared

    # Conditions.

    def _check_conditions(self, node: Any) -> None:
        if node.WhichOneof("target") != "branch_node":
            return
        interface = self._interface(node)
        block = node.branch_node.if_else
        for case in [block.case, *block.other]:
            self._check_expression(node, interface, case.condition)
        if block.WhichOneof("default") is None:
            text = "Branch Node must have either the else case set or a default error."
            self._errors.add("BranchNodeHasNoDefault", node.id, text)
        for arm in branch_arms(node.branch_node):
            self._check_conditions(arm)

    def _check_expression(self, node: Any, interface: _Interface | None, expression: Any) -> None:
        kind = expression.WhichOneof("expr")
        if kind == "conjunction":
            self._check_expression(node, interface, expression.conjunction.left_expression)
            self._check_expression(node, interface, expression.conjunction.right_expression)
            return
        if kind is None:
            self._errors.value_required(node.id, "Expr")
            return
        right = self._operand(node, interface, "RightValue", expression.comparison.right_value)
        left = self._operand(node, interface, "LeftValue", expression.comparison.left_value)
        if right is not None and left is not None and _differ(right, left) and not _enum_and_string(right, left):
            self._errors.mismatch(node.id, "RightValue", right, left)

    def _operand(self, node: Any, interface: _Interface | None, name: str, operand: Any) -> Any | None:
        kind = operand.WhichOneof("val")
        if kind == "primitive" and operand.primitive.WhichOneof("value") is not None:
            return type_of_scalar(literals_pb2.Scalar(primitive=operand.primitive))
        if kind == "var" and operand.var:
            if interface is None:
                self._errors.value_required(node.id, operand.var)
                return None
            if operand.var not in interface.inputs:
                self._errors.no_variable(node.id, operand.var, node.id)
            return interface.inputs.get(operand.var)
        # None and other scalars are not known there (condition.go:29).
        self._errors.value_required(node.id, f"{name}.Val")
        return None


def _type_of_scalar(slot: _Slot, scalar: Any) -> Any:
    given, wanted = type_of_scalar(scalar), slot.wanted
    if wanted is None:
        return given
    if not castable(given, wanted):
        slot.errors.mismatch(slot.node_id, slot.var, given, wanted)
    value = scalar.primitive.string_value
    if wanted.WhichOneof("type") == "enum_type" and value not in wanted.enum_type.values:
        values = " ".join(wanted.enum_type.values)
        text = f"{slot} is an Enum and expects value to be one of [[{values}]].  Received [{value}]"
        slot.errors.add("IllegalEnumValue", slot.node_id, text)
    return given


def _types(variables: Any) -> Variables:
    return {name: variable.type for name, variable in variables.variables.items()}


def _differ(one: Any, other: Any) -> bool:
    return bool(one.SerializeToString(deterministic=True) != other.SerializeToString(deterministic=True))


def _enum_and_string(one: Any, other: Any) -> bool:
    kinds = {one.WhichOneof("type"), other.WhichOneof("type")}
    return "enum_type" in kinds and any(type_.simple == types_pb2.STRING for type_ in (one, other))


def _optional(type_: Any) -> bool:
    return type_.WhichOneof("type") == "union_type" and any(
        variant.WhichOneof("type") == "simple" and variant.simple == types_pb2.NONE
        for variant in type_.union_type.variants
    )
