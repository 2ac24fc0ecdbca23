"""Whether what is bound to a node's inputs exists and has the declared type; every promise makes an edge.

After flytepropeller ``pkg/compiler/validators/bindings.go``.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Any

from flyteidl.core import interface_pb2, literals_pb2, types_pb2

from ..model.go_text import go_text
from ..model.ids import START_NODE
from ..validation.interfaces import castable, is_typed, type_of
from .findings import Findings

if TYPE_CHECKING:
    from .graph import Graph, Vertex

__all__ = ["Edges", "check_bindings", "outputs_of", "type_text"]

_VARIABLE = re.compile(r"(\[(\d+)\]\.)?(\w+)", re.ASCII)


class Edges(Enum):
    """Which edges a promise makes."""

    BOTH = "both"
    UP = "up"


def check_bindings(
    graph: Graph, vertex: Vertex, bindings: Any, wanted: Any, findings: Findings, *, edges: Edges, typed: bool = True
) -> Any:
    """Checks all bindings of a node.

    Args:
        graph: The workflow; gets the edges.
        vertex: The node.
        bindings: What is bound to its inputs.
        wanted: VariableMap of the inputs.
        findings: Where to note what is wrong.
        edges: Edges to add.
        typed: False when the inputs are what is bound: nothing is compared then.

    Returns:
        VariableMap of what was bound.
    """
    found = interface_pb2.VariableMap()
    bound: set[str] = set()
    for binding in bindings:
        name = binding.var
        known = name in wanted.variables
        if typed and not known:
            findings.no_variable(vertex.id, name)
        elif not binding.HasField("binding"):
            findings.value_required(vertex.id, "Binding")
        elif name in bound:
            findings.add("ParameterBoundMoreThanOnce", vertex.id, f"Input [{name}] is bound more than once.")
        else:
            bound.add(name)
            type_ = wanted.variables[name].type if known else types_pb2.LiteralType(simple=types_pb2.NONE)
            check = _Check(graph, vertex, name, typed=typed)
            answer = check.binding(binding.binding, type_, findings.scope())
            if answer is not None:
                for above in answer[1]:
                    graph.connect(above, vertex.id, down=edges is Edges.BOTH)
                variable = found.variables[name]
                if answer[0] is not None:
                    variable.type.CopyFrom(answer[0])
    for name in wanted.variables:
        if name not in bound and not _optional(wanted.variables[name].type):
            findings.not_bound(vertex.id, name)
    return found


def outputs_of(vertex: Vertex, findings: Findings) -> dict[str, Any]:
    """Variables that others may refer to: a node's outputs, by their aliases where they have one."""
    aliases: dict[str, str] = {}
    for alias in vertex.message.output_aliases:
        if alias.var in aliases:
            text = f"Duplicate alias [{alias.alias}] found. An output alias can only be used once in the Workflow."
            findings.add("DuplicateAlias", vertex.id, text)
        else:
            aliases[alias.var] = alias.alias
    if vertex.interface is None:
        return {}
    outputs = {aliases.pop(name, name): one for name, one in vertex.interface.outputs.variables.items()}
    for alias in aliases.values():
        findings.not_bound(vertex.id, alias)
    return outputs


def type_text(type_: Any) -> str:
    """A type as texts name it."""
    if type_.WhichOneof("type") != "simple" or type_.simple != types_pb2.STRUCT:
        return go_text(type_)
    fields = [
        f"dataclass_type:{{key:{name} value:{{{type_text(one)}}}"
        for name, one in sorted(type_.structure.dataclass_type.items())
    ]
    return f"simple: STRUCT structure{{{', '.join(fields)}}}"


class _Check:
    """The check of one input."""

    def __init__(self, graph: Graph, vertex: Vertex, name: str, *, typed: bool) -> None:
        self._graph = graph
        self._vertex = vertex
        self._name = name
        self._typed = typed

    def binding(self, binding: Any, wanted: Any, findings: Findings) -> tuple[Any, list[str]] | None:
        """Type and nodes of a binding, None when something is wrong."""
        kind = binding.WhichOneof("value")
        if kind == "promise":
            return self._promise(binding.promise, wanted, findings)
        if kind == "scalar":
            return self._scalar(binding.scalar, wanted, findings)
        if wanted.WhichOneof("type") == "union_type":
            return self._one_of(binding, wanted, findings)
        if kind == "collection" and wanted.WhichOneof("type") == "collection_type":
            items, of = binding.collection.bindings, wanted.collection_type
            found = self._items(items, of, findings)
            return None if found is None else (types_pb2.LiteralType(collection_type=found[0]), found[1])
        if kind == "map" and wanted.WhichOneof("type") == "map_value_type":
            values = [binding.map.bindings[key] for key in sorted(binding.map.bindings)]
            found = self._items(values, wanted.map_value_type, findings)
            return None if found is None else (types_pb2.LiteralType(map_value_type=found[0]), found[1])
        received = go_text(getattr(binding, kind)) if kind else ""
        text = (
            f"Input [{self._name}] on node [{self._vertex.id}] expects bindings of type [{go_text(wanted)}].  "
            f"Received [{received}]"
        )
        findings.add("MismatchingBindings", self._vertex.id, text)
        return None

    def _items(self, items: Any, wanted: Any, findings: Findings) -> tuple[Any, list[str]] | None:
        nodes: list[str] = []
        type_ = None
        for item in items:
            answer = self.binding(item, wanted, findings.scope())
            if answer is not None:
                type_ = answer[0]
                nodes += answer[1]
        return None if findings.any else (type_, nodes)

    def _one_of(self, binding: Any, wanted: Any, findings: Findings) -> tuple[Any, list[str]] | None:
        """A list or map for a union must fit exactly one variant."""
        fitting = None
        start = (
            f"Input [{self._name}] on node [{self._vertex.id}] expects bindings of union type [{go_text(wanted)}].  "
            f"Received [{go_text(binding)}] which "
        )
        for variant in wanted.union_type.variants:
            answer = self.binding(binding, variant, Findings())
            if answer is None:
                continue
            if fitting is not None:
                both = f"is ambiguous as both variants [{go_text(fitting[0])}] and [{go_text(variant)}] match."
                findings.add("AmbiguousBindingUnionValue", self._vertex.id, start + both)
                return None
            fitting = variant, answer
        if fitting is None:
            text = start + "does not match any of the variants."
            findings.add("IncompatibleBindingUnionValue", self._vertex.id, text)
            return None
        return fitting[1]

    def _scalar(self, scalar: Any, wanted: Any, findings: Findings) -> tuple[Any, list[str]] | None:
        literal = literals_pb2.Literal(scalar=scalar)
        given = types_pb2.LiteralType()
        if not is_typed(literal):
            kind = "*core.Scalar_Blob" if scalar.WhichOneof("value") == "blob" else "<nil>"
            findings.add("UnrecognizedValue", self._vertex.id, f"Unrecognized value [{kind}].")
        else:
            given = type_of(literal)
            if self._typed and not castable(given, wanted):
                findings.mismatch(self._vertex.id, self._name, type_text(given), type_text(wanted))
        if wanted.WhichOneof("type") == "enum_type":
            value = scalar.primitive.string_value
            values = list(wanted.enum_type.values)
            if value not in values:
                text = (
                    f"Input [{self._name}] on node [{self._vertex.id}] is an Enum and expects value to be one of "
                    f"[[{' '.join(values)}]].  Received [{value}]"
                )
                findings.add("IllegalEnumValue", self._vertex.id, text)
        return None if findings.any else (given, [])

    def _promise(self, promise: Any, wanted: Any, findings: Findings) -> tuple[Any, list[str]] | None:
        vertex = self._vertex
        above = self._graph.vertices.get(promise.node_id or START_NODE)
        if above is None:
            text = f"Referenced node [{promise.node_id}] not found."
            findings.add("NodeReferenceNotFound", promise.node_id, text)
            findings.not_bound(vertex.id, self._name)
            return None
        names = _VARIABLE.findall(promise.var)
        if len(names) != 1:
            findings.add("SyntaxError", vertex.id, f"Failed to parse element [{promise.var}].")
            return None
        _, index, name = names[0]
        outputs = outputs_of(above, looked := findings.scope())
        if not looked.any and name not in outputs:
            looked.no_variable(above.id, name)
        if looked.any:
            findings.not_bound(vertex.id, self._name)
            return None
        given = self._path(promise, outputs[name].type, index, wanted, findings)
        if given is None:
            return None
        if self._typed and not castable(given, wanted):
            self._mismatching(promise, given, wanted, findings)
            return None
        promise.node_id = above.id
        return outputs[name].type, [above.id]

    def _path(self, promise: Any, type_: Any, index: str, wanted: Any, findings: Findings) -> Any | None:
        """The type at the end of a promise's path."""
        if index:
            if type_.WhichOneof("type") == "collection_type":
                type_ = type_.collection_type
            else:
                self._mismatching(promise, type_, wanted, findings)
        for step in promise.attr_path:
            kind = type_.WhichOneof("type")
            if kind in ("collection_type", "map_value_type"):
                type_ = getattr(type_, kind)
            elif len(type_.structure.dataclass_type):
                if step.string_value not in type_.structure.dataclass_type:
                    text = (
                        f"Variable [{promise.var}] (type [{go_text(type_)}]) doesn't have field [{step.string_value}]."
                    )
                    findings.add("FieldNotFound", self._vertex.id, text)
                    return None
                type_ = type_.structure.dataclass_type[step.string_value]
        return type_

    def _mismatching(self, promise: Any, given: Any, wanted: Any, findings: Findings) -> None:
        above = self._graph.vertices[promise.node_id or START_NODE]
        source, target = _named(above, promise.var), _named(self._vertex, self._name)
        text = (
            f"The output variable '{source}' has type [{type_text(given)}], but it's assigned to the input variable "
            f"'{target}' which has type type [{type_text(wanted)}]."
        )
        findings.add("MismatchingTypes", self._vertex.id, text)


def _named(vertex: Vertex, variable: str) -> str:
    return f"{vertex.message.metadata.name}.{variable}" if vertex.message.HasField("metadata") else variable


def _optional(type_: Any) -> bool:
    """Whether an input may be left out: a union with a variant that is NONE, or none of the simple types (Go's zero value)."""
    return type_.WhichOneof("type") == "union_type" and any(
        variant.simple == types_pb2.NONE for variant in type_.union_type.variants
    )
