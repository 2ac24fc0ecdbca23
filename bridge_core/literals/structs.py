"""STRUCT: dataclasses, pydantic models and untyped dicts, as msgpack; as protobuf Struct where the task is older.

flytekit 1.14 and later write ``binary{tag: "msgpack"}`` of a plain dict and say so in the type's annotation. A type with a
schema and without that annotation was registered by an older SDK, which reads nothing but ``generic`` (a protobuf Struct,
in which every number is a double); so do protobuf messages (``pb_type``). Both forms are read, whatever the type says.
"""

# ruff: noqa: D102 - methods are described where Coder declares them

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf import json_format

from .coder import Coder, Job
from .json_schema import compile_schema, resolve
from .packing import is_too_deep, odd_key, pack, unpack
from .problems import MAX_DEPTH, Where, refusal, render, show
from .to_plain import as_fields, is_structured, jsonable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flyteidl.core.literals_pb2 import Literal
    from flyteidl.core.types_pb2 import LiteralType

__all__ = ["StructCoder", "struct_to_plain"]


class StructCoder(Coder):
    """One STRUCT type with its schema, when it has one."""

    __slots__ = ("_check", "_legacy", "_schema")

    def __init__(self, wanted: str, literal_type: LiteralType) -> None:
        super().__init__(wanted)
        metadata = json_format.MessageToDict(literal_type.metadata) if literal_type.HasField("metadata") else {}
        protobuf = "pb_type" in metadata
        self._schema: Mapping[str, Any] | None = None if protobuf or not metadata else metadata
        self._check = compile_schema(self._schema) if self._schema else None
        self._legacy = protobuf or bool(self._schema and not _says_msgpack(literal_type))

    def fill(self, out: Literal, value: Any, where: Where, job: Job) -> None:
        try:
            if self._check is not None:
                before = len(job.problems)
                value = self._check(value, where, job)
                if len(job.problems) > before:
                    return
            elif not is_structured(value) and not hasattr(value, "DESCRIPTOR"):
                job.wrong(where, "dict, list, dataclass or model", value)
                return
            else:
                job.coerced = job.coerced or not isinstance(value, (dict, list))
            if self._legacy:
                _fill_generic(out, value)
            else:
                raw = pack(_top(value))
                if is_too_deep(value, raw):
                    job.note(where, f"nested deeper than {MAX_DEPTH} levels")
                    return
                if self._check is None and (key := odd_key(value)) is not None:
                    job.note(where, f"expected texts and numbers as keys, got {show(key)}")
                    return
                binary = out.scalar.binary
                binary.value, binary.tag = raw, "msgpack"
        except RecursionError:
            job.note(where, "is nested too deep, or contains itself")
        except (TypeError, ValueError, OverflowError) as error:
            job.problems.append(_unpackable(value, where, error, jsonable if self._legacy else pack))

    def read(self, literal: Literal, where: Where) -> Any:
        scalar = literal.scalar
        kind = scalar.WhichOneof("value")
        if kind == "binary":
            if scalar.binary.tag != "msgpack":
                raise refusal(where, f"expected msgpack, got binary data tagged {scalar.binary.tag!r}")
            return unpack(scalar.binary.value, where)
        if kind == "generic":
            plain = struct_to_plain(scalar.generic, where)
            return _integers(plain, self._schema, self._schema, 0) if self._schema else plain
        return self.read_other(literal, where)


def struct_to_plain(struct: Any, where: Where) -> Any:
    """Plain data from a protobuf Struct; numbers stay floats, as nothing says which were ints."""
    return {key: _struct_value(item, (where, key), 1) for key, item in struct.fields.items()}


def _struct_value(value: Any, where: Where, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise refusal(where, f"nested deeper than {MAX_DEPTH} levels")
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return {key: _struct_value(v, (where, key), depth + 1) for key, v in value.struct_value.fields.items()}
    if kind == "list_value":
        return [_struct_value(v, (where, i), depth + 1) for i, v in enumerate(value.list_value.values)]
    return None if kind in (None, "null_value") else getattr(value, kind)


def _integers(value: Any, node: Any, root: Mapping[str, Any], depth: int) -> Any:
    """Whole floats become ints where the schema says integer."""
    node = resolve(root, node)
    if depth > MAX_DEPTH:
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() and _is_integer(node, root) else value
    for one in node.get("anyOf") or node.get("oneOf") or ():
        node = {**resolve(root, one), **node} if resolve(root, one).get("type") in ("object", "array") else node
    if isinstance(value, dict):
        known, extra = node.get("properties") or {}, node.get("additionalProperties")
        return {key: _integers(item, known.get(key, extra), root, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        slots, each = node.get("prefixItems") or (), node.get("items")
        return [_integers(v, slots[i] if i < len(slots) else each, root, depth + 1) for i, v in enumerate(value)]
    return value


def _is_integer(node: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    kinds = node.get("type")
    if "integer" in (kinds if isinstance(kinds, list) else [kinds]):
        return "number" not in (kinds if isinstance(kinds, list) else [])
    options = [resolve(root, one).get("type") for one in node.get("anyOf") or node.get("oneOf") or ()]
    return "integer" in options and "number" not in options


def _says_msgpack(literal_type: LiteralType) -> bool:
    fields = literal_type.annotation.annotations.fields
    if "cache-key-metadata" not in fields:
        return False
    return bool(fields["cache-key-metadata"].struct_value.fields["serialization-format"].string_value == "msgpack")


def _top(value: Any) -> Any:
    """Named tuples are tuples to msgpack; at the top they mean their fields."""
    return dict(value._asdict()) if hasattr(value, "_asdict") else value


def _fill_generic(out: Literal, value: Any) -> None:
    is_message = hasattr(value, "DESCRIPTOR")
    plain = json_format.MessageToDict(value) if is_message else jsonable(value)
    if not isinstance(plain, dict):
        raise TypeError(f"expected an object with fields, got {type(plain).__name__}")  # a Struct has fields only
    out.scalar.generic.SetInParent()
    json_format.ParseDict(plain, out.scalar.generic, max_recursion_depth=2 * MAX_DEPTH)


def _unpackable(value: Any, where: Where, error: Exception, probe: Callable[[Any], object]) -> str:
    """The problem, at the leaf that msgpack or Struct refused."""
    seen = 0
    stack: list[tuple[Any, Where]] = [(value, where)]
    while stack and seen < 100_000:  # noqa: PLR2004 - a limit for values that contain themselves
        node, at = stack.pop()
        seen += 1
        fields = as_fields(node)
        if fields is not None:
            stack += [(item, (at, key)) for key, item in fields.items()]
        elif isinstance(node, (list, tuple)):
            stack += [(item, (at, index)) for index, item in enumerate(node)]
        else:
            try:
                probe(node)
            except OverflowError:
                return f"{render(at)}: integer out of range: msgpack has 64 bits, a text has more; got {show(node)}"
            except (TypeError, ValueError) as reason:
                return f"{render(at)}: {reason}"
    return f"{render(where)}: {error}"
