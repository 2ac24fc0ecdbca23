"""STRUCT: dataclasses, pydantic models and untyped dicts, as msgpack; as protobuf Struct where the task is older.

flytekit 1.14 and later write ``binary{tag: "msgpack"}`` of a plain dict and say so in the type's annotation. A type with a
schema and without that annotation was registered by an older SDK, which reads nothing but ``generic`` (a protobuf Struct,
in which every number is a double); so do protobuf messages (``pb_type``). Both forms are read, whatever the type says.
"""

# ruff: noqa: D102 - methods are described where Coder declares them

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgpack
from flyteidl.core.literals_pb2 import Literal
from google.protobuf import json_format

from .coder import Coder, Job
from .json_schema import Entry, compile_schema
from .json_schema_fast import NOT_FAST
from .json_schema_refs import resolve
from .packing import PACKED, is_too_deep, odd_key, pack, unpack
from .problems import MAX_DEPTH, Where, refusal, render, show
from .pydantic_models import Unwritable, root_of
from .sdk_objects import LocalData, is_frame, sdk_reference
from .struct_values import struct_to_plain
from .structured_dataset import found_frame
from .to_plain import as_fields, is_structured, jsonable, to_plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence

    from flyteidl.core.types_pb2 import LiteralType

__all__ = ["StructCoder"]

_TAG = "msgpack"
_NODES = 100_000  # looked at in search of one leaf: a value may contain itself
_NOT_FAST = (*NOT_FAST, RecursionError, TypeError, ValueError, OverflowError)
_packer = functools.partial(msgpack.Packer, buf_size=PACKED)


class StructCoder(Coder):
    """One STRUCT type with its schema, when it has one."""

    __slots__ = ("_entry", "_legacy", "_schema")

    def __init__(self, wanted: str, literal_type: LiteralType) -> None:
        super().__init__(wanted)
        metadata = json_format.MessageToDict(literal_type.metadata) if literal_type.HasField("metadata") else {}
        protobuf = "pb_type" in metadata
        self._schema: Mapping[str, Any] | None = None if protobuf or not metadata else metadata
        self._entry = compile_schema(self._schema, literal_type) if self._schema else None
        self._legacy = protobuf or bool(self._schema and not _says_msgpack(literal_type))

    def fill(self, out: Literal, value: Any, where: Where, job: Job) -> None:
        raw = None if self._entry is None or self._legacy else self._fast(self._entry, value, job, _packer())
        if raw is None:
            self._fill(out, value, where, job)
        else:
            binary = out.scalar.binary
            binary.value, binary.tag = raw, _TAG

    def fill_many(self, out: Any, values: Sequence[Any], where: Where, job: Job) -> None:
        fast = None if self._entry is None or self._legacy else self._entry.fast
        if fast is None:
            super().fill_many(out, values, where, job)
            return
        template = Literal()
        binary, append, pack_one = template.scalar.binary, out.append, _packer().pack
        binary.tag = _TAG
        for index, value in enumerate(values):
            try:
                plain = fast(value, job)
                raw = pack_one(plain)
            except _NOT_FAST:
                self._fill(out.add(), value, (where, index), job)
                continue
            if len(raw) > MAX_DEPTH and is_too_deep(plain, raw):
                self._fill(out.add(), value, (where, index), job)
            else:
                binary.value = raw
                append(template)

    def fill_items(self, out: MutableMapping[str, Literal], values: Mapping[str, Any], where: Where, job: Job) -> None:
        if self._entry is None or self._legacy:
            super().fill_items(out, values, where, job)
            return
        packer = _packer()
        for key, value in values.items():
            raw = self._fast(self._entry, value, job, packer)
            if raw is None:
                self._fill(out[key], value, (where, key), job)
            else:
                binary = out[key].scalar.binary
                binary.value, binary.tag = raw, _TAG

    @staticmethod
    def _fast(entry: Entry, value: Any, job: Job, packer: msgpack.Packer) -> bytes | None:
        """The msgpack of a value that fits its schema as it is; None sends it the long way, which explains."""
        try:
            plain = entry.fast(value, job)
            raw: bytes = packer.pack(plain)
        except _NOT_FAST:
            return None
        return None if len(raw) > MAX_DEPTH and is_too_deep(plain, raw) else raw

    def _fill(self, out: Literal, value: Any, where: Where, job: Job) -> None:
        before = len(job.problems)
        try:
            if self._entry is not None:
                value = self._entry.check(value, where, job)
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
                raw = pack(_top(value), _lowering(value, where, job))
                if len(job.problems) > before:
                    return
                if is_too_deep(value, raw):
                    job.note(where, f"nested deeper than {MAX_DEPTH} levels")
                    return
                if (key := odd_key(value)) is not None:
                    job.note(where, f"expected texts and numbers as keys, got {show(key)}")
                    return
                binary = out.scalar.binary
                binary.value, binary.tag = raw, _TAG
        except RecursionError:
            job.note(where, "is nested too deep, or contains itself")
        except (TypeError, ValueError, OverflowError) as error:
            job.problems.append(_unpackable(value, where, error, jsonable if self._legacy else pack))

    def read(self, literal: Literal, where: Where) -> Any:
        scalar = literal.scalar
        kind = scalar.WhichOneof("value")
        if kind == "binary":
            if scalar.binary.tag != _TAG:
                raise refusal(where, f"expected msgpack, got binary data tagged {scalar.binary.tag!r}")
            return unpack(scalar.binary.value, where)
        if kind == "generic":
            plain = struct_to_plain(scalar.generic, where)
            return _integers(plain, self._schema, self._schema, 0) if self._schema else plain
        return self.read_other(literal, where)


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


def _lowering(value: Any, where: Where, job: Job) -> Callable[[Any], Any]:
    """What msgpack asks about objects it does not know; files and frames of an SDK among them become uploads."""

    def lower(item: Any) -> Any:
        found = sdk_reference(item)
        if found is item or not (isinstance(found, LocalData) or is_frame(found)):
            return to_plain(item)
        at = next((at for node, at in _nodes(value, where) if node is item), where)
        if is_frame(found) or found.kind == "frame":
            uri, form = found_frame("", "frame", item, at, job) or ("", "")
            return {"uri": uri, "file_format": form}
        return {"path": job.upload(at, Path(found.path), found.kind, Path(found.path).name)}

    return lower


def _nodes(value: Any, where: Where) -> Iterator[tuple[Any, Where]]:
    """Everything in a value, with its path; not without end where a value contains itself."""
    stack: list[tuple[Any, Where]] = [(value, where)]
    for _ in range(_NODES):
        if not stack:
            return
        node, at = stack.pop()
        yield node, at
        node = root_of(node)
        try:
            fields = as_fields(node)
        except Unwritable:
            continue
        if fields is not None:
            stack += [(item, (at, key)) for key, item in fields.items()]
        elif isinstance(node, (list, tuple)):
            stack += [(item, (at, index)) for index, item in enumerate(node)]


def _unpackable(value: Any, where: Where, error: Exception, probe: Callable[[Any], object]) -> str:
    """The problem, at the leaf that msgpack or Struct refused."""
    for node, at in _nodes(value, where):
        try:
            fields = as_fields(node)
            if fields is not None:
                for key in fields:
                    probe(key)
            elif not isinstance(node, (list, tuple)):
                probe(node)
        except Unwritable as reason:
            return f"{render((at, reason.field) if reason.field else at)}: {reason}"
        except UnicodeEncodeError:
            return f"{render(at)}: holds characters that UTF-8 cannot carry (lone surrogates)"
        except OverflowError:
            return f"{render(at)}: integer out of range: msgpack has 64 bits, a text has more; got {show(node)}"
        except (TypeError, ValueError) as reason:
            return f"{render(at)}: {reason}"
    return f"{render(where)}: {error}"
