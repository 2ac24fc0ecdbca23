"""Damaged, absurd and hostile literals: a LiteralError, never another exception, and nothing is ever unpickled."""

from __future__ import annotations

import pickle
from typing import Any

import msgpack
import pytest
from flyteidl.core import types_pb2
from flyteidl.core.literals_pb2 import Literal, LiteralMap
from flyteidl.core.types_pb2 import LiteralType
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from literal_support import GOLDENS, Types

from bridge_core.literals import (
    Codec,
    describe_type,
    fingerprint,
    literal_hash,
    literal_metadata,
    offloaded_uris,
    replace_offloaded,
)
from bridge_core.model.errors import LiteralError
from bridge_core.model.references import FileRef

T = Types


def binary(raw: bytes, tag: str = "msgpack") -> Literal:
    literal = Literal()
    literal.scalar.binary.value, literal.scalar.binary.tag = raw, tag
    return literal


def nested(depth: int) -> Literal:
    literal = leaf = Literal()
    for _ in range(depth):
        leaf = leaf.collection.literals.add()
    leaf.scalar.primitive.integer = 1
    return literal


DAMAGED = [
    b"",
    b"\x92\x01",  # an array of two with one
    b"\xc1",  # never used
    b"\x01\x02",  # two values
    b"\xdd\xff\xff\xff\xff",  # an array of four thousand million
    b"\xdf\xff\xff\xff\xff",
    b"\xdb\xff\xff\xff\xff",
    b"\xa1\xff",  # no UTF-8
    b"\x81\x90\x01",  # a list as key
    b"\x81\x80\x01",
    b"\xd4\x05\x00",  # an extension type
    b"\xc7\x0c\xff" + b"\xff" * 12,  # a timestamp of the year 10^11
    b"\x91" * 101 + b"\x01",
    b"\x91" * 5000 + b"\x01",
    b"\x81\xa1a" * 900 + b"\x01",
    b"\x91" * 1_000_000,
]


@pytest.mark.parametrize("raw", DAMAGED, ids=lambda raw: raw[:6].hex() or "empty")
@pytest.mark.parametrize(
    "kind", [None, T.STRUCT, T.INT, T.DATETIME, T.list(T.INT)], ids=["none", "struct", "int", "dt", "list"]
)
def test_damaged_msgpack(raw: bytes, kind: Any, codec: Codec) -> None:
    with pytest.raises(LiteralError, match=r"^value: (not readable as msgpack|nested deeper)"):
        codec.decode(binary(raw), kind)


def test_nesting_up_to_the_limit_is_fine(codec: Codec) -> None:
    value: Any = 1
    for _ in range(100):
        value = [value]
    assert codec.decode(codec.encode({"a": value[0]}, T.STRUCT).literal) == {"a": value[0]}
    assert codec.decode(binary(b"\x91" * 100 + b"\x01")) == value
    with pytest.raises(LiteralError, match="nested deeper than 100"):
        codec.encode({"a": [value]}, T.STRUCT)


def test_wrong_tags(codec: Codec) -> None:
    with pytest.raises(LiteralError, match="expected msgpack, got binary data tagged 'pickle'"):
        codec.decode(binary(b"x", "pickle"), T.STRUCT)
    assert codec.decode(binary(b"x", "pickle")) == b"x"
    assert codec.decode(binary(b"x", ""), T.BINARY) == b"x"


WRONG = [
    (T.INT, "a", T.STR, "expected integer, got a string_value literal"),
    (T.STR, 1, T.INT, "expected string, got a integer literal"),
    (T.list(T.INT), {"a": 1}, T.map(T.INT), "expected list[integer], got a map literal"),
    (T.map(T.INT), [1], T.list(T.INT), "expected dict[string, integer], got a collection literal"),
    (T.list(T.INT), [1, 0], T.list(T.FLOAT), "value[0]: expected integer, got a float_value literal"),
    (T.DATETIME, 1, T.DURATION, "expected datetime, got a duration literal"),
    (T.FILE, "s3://b/t", T.FRAME, "expected file, got a structured_dataset literal"),
    (T.FRAME, "s3://b/t", T.FILE, "expected frame, got a blob literal"),
    (T.STRUCT, 1, T.INT, "expected struct, got a integer literal"),
    (T.union(int=T.INT, none=T.NONE), "x", T.union(int=T.STR, none=T.NONE), "expected integer, got a string_value"),
]


@pytest.mark.parametrize(("kind", "value", "actual", "message"), WRONG)
def test_a_literal_of_another_type(kind: Any, value: Any, actual: Any, message: str, codec: Codec) -> None:
    with pytest.raises(LiteralError) as caught:
        codec.decode(codec.encode(value, actual).literal, kind)
    assert message in str(caught.value)


def test_an_integer_where_a_float_is_declared_is_one(codec: Codec) -> None:
    """FlytePropeller makes integers of whole numbers it picks out of a Struct."""
    assert codec.decode(codec.encode([3, 0], T.list(T.INT)).literal, T.list(T.FLOAT)) == [3.0, 0.0]


def test_what_a_workflow_picked_out_of_a_dataclass(codec: Codec) -> None:
    """FlytePropeller passes it on as msgpack, whatever the declared type."""
    packed = lambda value: binary(msgpack.packb(value))  # noqa: E731
    assert codec.decode(packed(3), T.INT) == 3
    assert codec.decode(packed(3), T.FLOAT) == 3.0
    assert codec.decode(packed([1, 2]), T.list(T.FLOAT)) == [1.0, 2.0]
    assert codec.decode(packed({"a": "2024-01-01T00:00:00"}), T.map(T.DATETIME))["a"].year == 2024
    assert codec.decode(packed({"path": "s3://b/x"}), T.CSV) == FileRef(uri="s3://b/x", format="csv")
    with pytest.raises(LiteralError, match="value: expected datetime, got the text 'x'"):
        codec.decode(packed("x"), T.DATETIME)
    with pytest.raises(LiteralError, match="value: expected duration"):
        codec.decode(packed([1]), T.DURATION)


def test_deep_literals_and_types(codec: Codec) -> None:
    with pytest.raises(LiteralError, match="nested deeper than 100"):
        codec.decode(nested(5000))
    with pytest.raises(LiteralError, match="nested deeper than 100"):
        fingerprint(LiteralMap(literals={"a": nested(200)}))
    union = leaf = Literal()
    for _ in range(3000):
        leaf = leaf.scalar.union.value
    leaf.scalar.primitive.integer = 1
    for kind in (None, T.INT, T.union(int=T.INT)):
        with pytest.raises(LiteralError, match="nested deeper than 100"):
            codec.decode(union, kind)
    generic = Literal()
    node = generic.scalar.generic
    for _ in range(3000):
        node = node.fields["a"].struct_value
    with pytest.raises(LiteralError, match="nested deeper than 100"):
        codec.decode(generic)
    kind = inner = LiteralType()
    for _ in range(3000):
        inner = inner.collection_type
    inner.simple = types_pb2.INTEGER
    assert "…" in describe_type(kind)
    with pytest.raises(LiteralError, match="its type is nested"):
        codec.decode(nested(1), kind)
    with pytest.raises(LiteralError, match="its type is nested"):
        codec.encode([[1]], kind)


def test_an_empty_literal_and_unknown_types(codec: Codec) -> None:
    with pytest.raises(LiteralError, match="value: an empty literal holds no value"):
        codec.decode(Literal())
    with pytest.raises(LiteralError, match="expected integer, got a empty literal"):
        codec.decode(Literal(), T.INT)
    with pytest.raises(LiteralError, match="simple type number 77"):
        codec.encode(1, LiteralType(simple=77))
    assert describe_type(LiteralType(simple=77)) == "unknown type"
    assert describe_type(LiteralType()) == "unknown type"


@pytest.mark.parametrize(("field", "seconds"), [("datetime", 10**12), ("datetime", -(10**12)), ("duration", 10**15)])
def test_times_that_python_cannot_hold(field: str, seconds: int, codec: Codec) -> None:
    literal = Literal()
    getattr(literal.scalar.primitive, field).seconds = seconds
    with pytest.raises(LiteralError, match=r"outside Python's years|longer than Python's"):
        codec.decode(literal)


def test_schemas_that_make_no_sense(codec: Codec) -> None:
    for schema in (
        {"$ref": "#/$defs/None"},
        {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}},
        {"$ref": 5},
        {"type": "object", "properties": []},
        {"type": "object", "properties": {"a": "x"}, "required": "a"},
        {"type": ["object", "null"], "anyOf": []},
        {"type": "object", "properties": {"a": {"anyOf": [{}, "x", None]}}, "title": ["t"]},
        {"type": "no such type", "enum": "x"},
        {"type": "object", "properties": {"a": {"type": {"x": 1}}}},
    ):
        for msgpack_too in (True, False):
            kind = T.struct(schema, msgpack=msgpack_too)
            describe_type(kind)
            try:
                codec.decode(codec.encode({"a": 1}, kind).literal, kind)
            except LiteralError:
                continue


class Bomb:
    def __reduce__(self) -> Any:
        return pytest.fail, ("unpickled",)


def test_nothing_is_unpickled(codec: Codec) -> None:
    raw = pickle.dumps(Bomb())
    kind = LiteralType(blob=types_pb2.BlobType(format="PythonPickle"))
    literal = Literal()
    literal.scalar.blob.uri = "s3://b/x"
    literal.scalar.blob.metadata.type.format = "PythonPickle"
    assert codec.decode(literal, kind) == FileRef(uri="s3://b/x", format="PythonPickle")
    assert codec.decode(binary(raw, "pickle")) == raw
    assert codec.decode(binary(raw, ""), T.BINARY) == raw


def test_offloaded_literals(codec: Codec) -> None:
    offloaded = Literal(hash="h1", metadata={"k": "v"})
    offloaded.offloaded_metadata.uri = "s3://b/big"
    inner = Literal()
    inner.collection.literals.add().CopyFrom(offloaded)
    outputs = LiteralMap(literals={"a": offloaded, "b": inner, "c": codec.encode(1, T.INT).literal})
    assert offloaded_uris(outputs) == ("s3://b/big",)
    for kind in (None, T.list(T.INT)):
        with pytest.raises(LiteralError, match=r"outputs\.a: is offloaded to s3://b/big"):
            codec.decode_map(outputs, {"a": kind} if kind else None)
    found = {"s3://b/big": codec.encode([1, 2], T.list(T.INT)).literal}
    resolved = replace_offloaded(outputs, found)
    assert codec.decode_map(resolved) == {"a": [1, 2], "b": [[1, 2]], "c": 1}
    assert offloaded_uris(resolved) == ()
    assert offloaded_uris(replace_offloaded(outputs, {})) == ("s3://b/big",)
    assert offloaded_uris(outputs) == ("s3://b/big",)
    assert literal_hash(resolved.literals["a"]) == "h1"
    assert literal_metadata(resolved.literals["a"]) == {"k": "v"}
    assert literal_hash(resolved.literals["c"]) is None


def test_an_error_literal(codec: Codec) -> None:
    literal = Literal()
    literal.scalar.error.message, literal.scalar.error.failed_node_id = "no", "n1"
    assert codec.decode(literal) == codec.decode(literal, T.ERROR) == {"message": "no", "failed_node_id": "n1"}


@settings(derandomize=True, max_examples=300, deadline=None, database=None)
@given(raw=st.binary(max_size=200))
def test_any_bytes_as_msgpack(raw: bytes) -> None:
    codec = Codec.default()
    fingerprint(LiteralMap(literals={"a": binary(raw)}))
    for kind in (None, T.STRUCT, T.DATETIME, T.map(T.FLOAT), T.FRAME):
        try:
            codec.decode(binary(raw), kind)
        except LiteralError:
            continue


@settings(derandomize=True, max_examples=400, deadline=None, database=None)
@given(data=st.data())
def test_golden_literals_with_flipped_bytes(data: st.DataObject) -> None:
    """Whatever protobuf still takes for a literal is decoded or refused, as its type, another's, or none."""
    codec = Codec.default()
    golden = data.draw(st.sampled_from(GOLDENS))
    other = data.draw(st.sampled_from(GOLDENS))
    raw = bytearray(golden.literal.SerializeToString())
    for _ in range(data.draw(st.integers(1, 3))):
        if raw:
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        literal = Literal.FromString(bytes(raw))
    except DecodeError:
        return
    for kind in (golden.type, other.type, None):
        try:
            codec.decode(literal, kind)
        except LiteralError:
            continue
    fingerprint(LiteralMap(literals={"a": literal}))
