"""From bindings to literals: promises and attribute paths.

Rules: flytepropeller ``pkg/controller/nodes/resolve.go`` and ``attr_path_resolver.go``. Nothing is coerced: an ``int``
promised to an ``Optional[int]`` arrives bare, flytekit accepts that.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgpack
from flyteidl.core import literals_pb2
from google.protobuf import json_format, struct_pb2

from ..model.ids import START_NODE
from ..model.literals import loaded, none_literal, unwrapped
from ..model.outcome import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = ["resolve", "resolve_all"]


def resolve_all(bindings: Iterable[Any], outputs: Mapping[str, Any], local: Callable[[str], Path] = Path) -> Any:
    """The literal map that a node's bindings stand for.

    Args:
        bindings: The bindings.
        outputs: LiteralMaps of the nodes that ended, by node id; workflow inputs under START_NODE.
        local: Where the file of a native URL is, see `Layout.local`.

    Raises:
        Failure: A promise cannot be resolved.
    """
    return literals_pb2.LiteralMap(
        literals={binding.var: resolve(binding.binding, outputs, local) for binding in bindings}
    )


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
    source = outputs.get(promise.node_id or START_NODE)
    if source is None or promise.var not in source.literals:
        raise Failure(
            "BindingResolutionError",
            f"node {promise.node_id or START_NODE!r} has no output {promise.var!r} to bind",
        )
    literal = source.literals[promise.var]
    return _walk(literal, list(promise.attr_path), local) if promise.attr_path else literal


def _walk(literal: Any, path: Sequence[Any], local: Callable[[str], Path]) -> Any:
    """Follows an attribute path: collections and maps first, then what is inside a msgpack or Struct scalar."""
    steps = [step.string_value if step.WhichOneof("value") == "string_value" else step.int_value for step in path]
    try:
        for position, step in enumerate(steps):
            literal = unwrapped(loaded(literal, local))
            kind = literal.WhichOneof("value")
            if kind == "map":
                if step not in literal.map.literals:
                    raise KeyError(step)
                literal = literal.map.literals[step]
            elif kind == "collection":
                literal = literal.collection.literals[step]
            else:
                return _walk_scalar(literal.scalar, steps[position:])
    except (KeyError, IndexError, TypeError) as error:
        raise Failure("PromiseAttributeResolveError", f"cannot resolve attribute path {steps}: {error!r}") from None
    return literal


def _walk_scalar(scalar: Any, steps: Sequence[Any]) -> Any:
    kind = scalar.WhichOneof("value")
    if kind == "binary":
        value = msgpack.unpackb(scalar.binary.value, strict_map_key=False)
    elif kind == "generic":
        value = json_format.MessageToDict(scalar.generic)
    else:
        raise TypeError(f"a {kind or 'missing'} literal has no attributes")
    for step in steps:
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
