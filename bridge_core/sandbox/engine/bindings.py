"""From bindings to literals: promises and attribute paths.

Rules: flytepropeller ``pkg/controller/nodes/resolve.go`` and ``attr_path_resolver.go``. Nothing is coerced: an ``int``
promised to an ``Optional[int]`` arrives bare, flytekit accepts that.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgpack
from flyteidl.core import literals_pb2, types_pb2
from google.protobuf import json_format, struct_pb2

from ..model.go_text import go_text
from ..model.ids import START_NODE
from ..model.literals import loaded, none_literal, unwrapped
from ..model.outcome import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = ["resolve", "resolve_all"]


def resolve_all(
    bindings: Iterable[Any],
    outputs: Mapping[str, Any],
    local: Callable[[str], Path] = Path,
    *,
    node_id: str = "",
    failure: Failure | None = None,
) -> Any:
    """The literal map that a node's bindings stand for.

    Args:
        bindings: The bindings.
        outputs: LiteralMaps of the nodes that ended, by node id; workflow inputs under START_NODE.
        local: Where the file of a native URL is, see `Layout.local`.
        node_id: The node whose bindings these are, for messages.
        failure: What a failure node is about: its input ``err``, if it has one, says so.

    Raises:
        Failure: A promise cannot be resolved; in FlytePropeller's words.
    """
    resolved = literals_pb2.LiteralMap()
    for binding in bindings:
        try:
            resolved.literals[binding.var].CopyFrom(resolve(binding.binding, outputs, local))
        except Failure as cause:
            text = f"Error binding Var [wf].[{binding.var}], caused by: {cause.message}"
            raise Failure("BindingResolutionError", _at(node_id, "BindingResolutionError", text)) from None
    if failure is not None and "err" in resolved.literals:
        resolved.literals["err"].CopyFrom(_error_literal(failure, node_id))
    return resolved


def _error_literal(failure: Failure, node_id: str) -> Any:
    """A union, the way flytekit declares it (``Optional[FlyteError]``). It names the failure node itself (resolve.go:120)."""
    error = types_pb2.Error(message=failure.message, failed_node_id=node_id)
    union = literals_pb2.Union(
        value=literals_pb2.Literal(scalar=literals_pb2.Scalar(error=error)),
        type=types_pb2.LiteralType(simple=types_pb2.ERROR, structure=types_pb2.TypeStructure(tag="FlyteError")),
    )
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(union=union))


def resolve(binding: Any, outputs: Mapping[str, Any], local: Callable[[str], Path] = Path) -> Any:
    """The literal that one binding stands for."""
    kind = binding.WhichOneof("value")
    if kind == "scalar":
        return literals_pb2.Literal(scalar=binding.scalar)
    if kind == "promise":
        return _resolve_promise(binding.promise, outputs, local)
    if kind == "collection":
        items = [resolve(item, outputs, local) for item in binding.collection.bindings]
        return literals_pb2.Literal(collection=literals_pb2.LiteralCollection(literals=items))
    if kind == "map":
        entries = {key: resolve(item, outputs, local) for key, item in binding.map.bindings.items()}
        return literals_pb2.Literal(map=literals_pb2.LiteralMap(literals=entries))
    if kind == "offloaded_metadata":
        return literals_pb2.Literal(offloaded_metadata=binding.offloaded_metadata)
    return none_literal()


def _resolve_promise(promise: Any, outputs: Mapping[str, Any], local: Callable[[str], Path]) -> Any:
    name = promise.node_id or START_NODE
    source = outputs.get(name)
    if source is None or promise.var not in source.literals:
        text = f"Failed to find [{name}].[{promise.var}]"
        raise Failure("OutputsNotFoundError", _at(name, "OutputsNotFoundError", text))
    literal = source.literals[promise.var]
    return _walk(literal, list(promise.attr_path), local, name) if promise.attr_path else literal


def _walk(literal: Any, path: Sequence[Any], local: Callable[[str], Path], node_id: str) -> Any:
    """Follows an attribute path: collections and maps first, then what is inside a msgpack or Struct scalar."""
    steps = [step.string_value if step.WhichOneof("value") == "string_value" else step.int_value for step in path]
    for position, step in enumerate(steps):
        literal = unwrapped(loaded(literal, local))
        kind = literal.WhichOneof("value")
        if kind == "map":
            if step not in literal.map.literals:
                raise _missing(node_id, f"key [{step}]", _go_map(literal.map.literals))
            literal = literal.map.literals[step]
        elif kind == "collection":
            items = literal.collection.literals
            if not isinstance(step, int) or not 0 <= step < len(items):
                raise _out_of_range(node_id, step, f"[{' '.join(go_text(item) for item in items)}]")
            literal = items[step]
        else:
            return _walk_scalar(literal.scalar, steps[position:], node_id)
    return literal


def _at(node_id: str, code: str, text: str) -> str:
    """As errors of nodes are printed there (``nodes/errors/errors.go``)."""
    return f"failed at Node[{node_id}]. {code}: {text}"


def _missing(node_id: str, what: str, literal: str) -> Failure:
    return _unresolved(node_id, f"{what} does not exist in literal {literal}")


def _out_of_range(node_id: str, index: Any, literal: str) -> Failure:
    return _unresolved(node_id, f"index [{index}] is out of range of {literal}")


def _unresolved(node_id: str, text: str) -> Failure:
    return Failure("PromiseAttributeResolveError", _at(node_id, "PromiseAttributeResolveError", text))


def _go_map(entries: Mapping[str, Any]) -> str:
    return "map[" + " ".join(f"{name}:{go_text(entries[name])}" for name in sorted(entries)) + "]"


def _go_value(value: Any) -> str:
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{_go_value(value[key])}" for key in sorted(value, key=str)) + "]"
    if isinstance(value, list):
        return f"[{' '.join(map(_go_value, value))}]"
    return "<nil>" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _walk_scalar(scalar: Any, steps: Sequence[Any], node_id: str) -> Any:
    kind = scalar.WhichOneof("value")
    if kind == "binary":
        value = msgpack.unpackb(scalar.binary.value, strict_map_key=False)
    elif kind == "generic":
        value = json_format.MessageToDict(scalar.generic)
    else:
        raise _unresolved(node_id, f"a {kind or 'missing'} literal has no attributes")
    for step in steps:
        if isinstance(value, dict):
            if step not in value:
                raise _missing(node_id, f"key [{step}]", _go_value(value))
        elif isinstance(value, list):
            if not isinstance(step, int) or not 0 <= step < len(value):
                raise _out_of_range(node_id, step, _go_value(value))
        else:
            raise _unresolved(node_id, f"unexpected type [{type(value).__name__}] for value {_go_value(value)}")
        value = value[step]
    return _literal_of(value, packed=kind == "binary")


def _literal_of(value: Any, *, packed: bool) -> Any:
    if isinstance(value, list):
        items = [_packed(item) if packed else _literal_of(item, packed=False) for item in value]
        return literals_pb2.Literal(collection=literals_pb2.LiteralCollection(literals=items))
    primitive = _primitive_of(value)
    if primitive is not None:
        return literals_pb2.Literal(scalar=literals_pb2.Scalar(primitive=primitive))
    if packed:
        return _packed(value)
    if isinstance(value, dict):
        struct = struct_pb2.Struct()
        struct.update(value)
        return literals_pb2.Literal(scalar=literals_pb2.Scalar(generic=struct))
    return none_literal()


def _primitive_of(value: Any) -> Any | None:
    if isinstance(value, bool):
        return literals_pb2.Primitive(boolean=value)
    if isinstance(value, int):
        return literals_pb2.Primitive(integer=value)
    if isinstance(value, float):
        return literals_pb2.Primitive(float_value=value)
    if isinstance(value, str):
        return literals_pb2.Primitive(string_value=value)
    return None


def _packed(value: Any) -> Any:
    binary = literals_pb2.Binary(value=msgpack.packb(value), tag="msgpack")
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(binary=binary))
