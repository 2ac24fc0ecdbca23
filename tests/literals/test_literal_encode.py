"""What each Flyte type takes, and what is said about the rest."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import fractions
import uuid
from collections import namedtuple
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import attrs
import numpy as np
import pendulum
import pytest
from flyteidl.core.interface_pb2 import Parameter, Variable
from flyteidl.core.literals_pb2 import Literal
from literal_support import Types

from bridge_core.literals import Codec, describe_type
from bridge_core.model.errors import LiteralError

T = Types
UTC = dt.UTC


class Text(str, enum.Enum):  # noqa: UP042 - what people have
    A = "a"


class Number(enum.IntEnum):
    TWO = 2


SCHEMA = {
    "type": "object",
    "title": "Model",
    "required": ["layers"],
    "additionalProperties": False,
    "properties": {
        "layers": {"type": "array", "items": {"$ref": "#/$defs/Layer"}},
        "rate": {"type": "number"},
        "mode": {"enum": ["fit", "eval"]},
        "level": {"enum": [1, 2]},
        "when": {"type": "string", "format": "date-time"},
        "day": {"type": "string", "format": "date"},
        "wait": {"type": "number", "format": "time-delta"},
        "gap": {"type": "string", "format": "duration"},
        "id": {"type": "string", "format": "uuid"},
        "price": {"type": "string", "format": "decimal"},
        "place": {"type": "string", "format": "path"},
        "pair": {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]},
        "extra": {"anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "null"}]},
        "best": {"anyOf": [{"$ref": "#/$defs/Layer"}, {"type": "null"}]},
        "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
        "flag": {"type": "boolean"},
        "file": {
            "title": "FlyteFile",
            "type": "object",
            "additionalProperties": False,
            "properties": {"path": {"anyOf": [{"type": "string"}, {"type": "string", "format": "path"}]}},
        },
    },
    "$defs": {
        "Layer": {
            "type": "object",
            "title": "Layer",
            "required": ["width"],
            "additionalProperties": False,
            "properties": {"width": {"type": "integer"}},
        }
    },
}
MODEL = T.struct(SCHEMA)


@dataclass
class Layer:
    width: Any


@dataclass
class Model:
    layers: list[Any] = field(default_factory=list)
    rate: float = 1.0


@attrs.define
class AttrsLayer:
    width: int


TupleLayer = namedtuple("TupleLayer", "width")


TAKEN = [
    (T.INT, np.int64(7), 7),
    (T.INT, np.uint8(7), 7),
    (T.INT, Number.TWO, 2),
    (T.FLOAT, 3, 3.0),
    (T.FLOAT, np.float64(0.5), 0.5),
    (T.FLOAT, np.float32(0.5), 0.5),
    (T.FLOAT, np.int32(4), 4.0),
    (T.FLOAT, fractions.Fraction(1, 2), 0.5),
    (T.STR, Text.A, "a"),
    (T.DATETIME, dt.datetime(2024, 1, 1, 2), dt.datetime(2024, 1, 1, 2, tzinfo=UTC)),  # noqa: DTZ001
    (T.DATETIME, dt.date(2024, 1, 1), dt.datetime(2024, 1, 1, tzinfo=UTC)),
    (T.DATETIME, "2024-01-01T02:00:00+02:00", dt.datetime(2024, 1, 1, tzinfo=UTC)),
    (T.DATETIME, "2024-01-01T00:00:00Z", dt.datetime(2024, 1, 1, tzinfo=UTC)),
    (T.DATETIME, "2024-01-01", dt.datetime(2024, 1, 1, tzinfo=UTC)),
    (T.DATETIME, pendulum.datetime(2024, 1, 1, 1, tz="Europe/Berlin"), dt.datetime(2024, 1, 1, tzinfo=UTC)),
    (T.DURATION, 90, dt.timedelta(seconds=90)),
    (T.DURATION, 0.5, dt.timedelta(seconds=0.5)),
    (T.DURATION, "1h30m", dt.timedelta(minutes=90)),
    (T.DURATION, "PT1H30M", dt.timedelta(minutes=90)),
    (T.DURATION, "P2DT0.5S", dt.timedelta(days=2, seconds=0.5)),
    (T.DURATION, "-5s", dt.timedelta(seconds=-5)),
    (T.BINARY, bytearray(b"\x00\xff"), b"\x00\xff"),
    (T.BINARY, b"", b""),
    (T.ERROR, {"message": "m", "failed_node_id": "n0"}, {"message": "m", "failed_node_id": "n0"}),
    (T.enum("a", "b"), Text.A, "a"),
    (T.enum("a", "b"), "b", "b"),
    (T.list(T.INT), (1, 2), [1, 2]),
    (T.list(T.INT), range(3), [0, 1, 2]),
    (T.list(T.INT), np.arange(3), [0, 1, 2]),
    (T.list(T.INT), [1, np.int64(2)], [1, 2]),
    (T.list(T.FLOAT), [1, 2.5], [1.0, 2.5]),
    (T.map(T.FLOAT), {"a": 1}, {"a": 1.0}),
    (T.STRUCT, {"a": (1, {2: b"x"}), "t": dt.date(2024, 1, 1)}, {"a": [1, {2: b"x"}], "t": "2024-01-01"}),
    (T.STRUCT, Model([Layer(1)]), {"layers": [{"width": 1}], "rate": 1.0}),
    (T.STRUCT, AttrsLayer(1), {"width": 1}),
    (T.STRUCT, TupleLayer(1), {"width": 1}),
    (T.STRUCT, [1, "a"], [1, "a"]),
    (T.STRUCT, {"n": np.int64(3), "a": np.arange(2), "b": np.bool_(True)}, {"n": 3, "a": [0, 1], "b": True}),
    (T.STRUCT, {"u": uuid.UUID(int=1), "d": decimal.Decimal("1.10")}, {"u": str(uuid.UUID(int=1)), "d": "1.10"}),
    (T.STRUCT, {"e": Number.TWO, "s": Text.A, "p": PurePosixPath("/a")}, {"e": 2, "s": "a", "p": "/a"}),
    (MODEL, {"layers": [], "rate": 2}, {"layers": [], "rate": 2.0}),
    (MODEL, Model([Layer(1), {"width": 2}, AttrsLayer(3), TupleLayer(4)]),
     {"layers": [{"width": w} for w in (1, 2, 3, 4)], "rate": 1.0}),
]  # fmt: skip
FIELDS = [
    ({"best": None, "extra": "x"}, {"best": None, "extra": "x"}),
    ({"best": Layer(2), "extra": 3}, {"best": {"width": 2}, "extra": 3}),
    ({"wait": dt.timedelta(minutes=1)}, {"wait": 60.0}),
    ({"gap": dt.timedelta(days=1, seconds=1.5)}, {"gap": "P1DT1.5S"}),
    ({"gap": dt.timedelta(0)}, {"gap": "PT0S"}),
    ({"gap": -dt.timedelta(hours=1, minutes=2)}, {"gap": "-PT1H2M"}),
    ({"when": dt.datetime(2024, 1, 1, tzinfo=UTC)}, {"when": "2024-01-01T00:00:00+00:00"}),
    ({"day": dt.date(2024, 1, 1)}, {"day": "2024-01-01"}),
    ({"id": uuid.UUID(int=1)}, {"id": str(uuid.UUID(int=1))}),
    ({"price": decimal.Decimal("0.1"), "place": Path("/a")}, {"price": "0.1", "place": "/a"}),
    ({"pair": (1, "x")}, {"pair": [1, "x"]}),
    ({"counts": {"a": np.int64(1)}, "level": 2}, {"counts": {"a": 1}, "level": 2}),
    ({"file": "s3://b/x"}, {"file": {"path": "s3://b/x"}}),
]
TAKEN += [(MODEL, {"layers": [], **given}, {"layers": [], **plain}) for given, plain in FIELDS]


@pytest.mark.parametrize(("kind", "value", "plain"), TAKEN)
def test_a_value_is_taken(kind: Any, value: Any, plain: Any, codec: Codec) -> None:
    back = codec.decode(codec.encode(value, kind).literal, kind)
    assert back == plain
    assert type(back) is type(plain)


REFUSED = [
    (T.INT, True, "value: expected integer, got True (bool)"),
    (T.INT, 1.0, "value: expected integer, got 1.0 (float)"),
    (T.INT, "3", "value: expected integer, got '3' (str)"),
    (T.INT, None, "value: expected integer, got None"),
    (T.INT, 2**63, "value: integer out of range: 64 bits are what Flyte has"),
    (T.INT, np.arange(2), "value: expected integer, got a numpy ndarray"),
    (T.FLOAT, True, "value: expected float, got True (bool)"),
    (T.FLOAT, 2**53 + 1, "value: expected float, got 9007199254740993 (int)"),
    (T.FLOAT, 10**400, "value: expected float, got 1"),
    (T.FLOAT, decimal.Decimal("0.1"), "value: expected float, got 0.1 (decimal Decimal)"),
    (T.STR, 3, "value: expected string, got 3 (int)"),
    (T.STR, b"x", "value: expected string, got b'x' (bytes)"),
    (T.STR, "\ud800", "value: string out of range"),
    (T.BOOL, 1, "value: expected boolean, got 1 (int)"),
    (T.BOOL, "true", "value: expected boolean, got 'true' (str)"),
    (T.NONE, 0, "value: expected none, got 0 (int)"),
    (T.DATETIME, "yesterday", "value: expected datetime (or date, or ISO-8601 text), got 'yesterday' (str)"),
    (T.DATETIME, 1700000000, "value: expected datetime"),
    (T.DURATION, "soon", "value: expected duration"),
    (T.DURATION, "", "value: expected duration"),
    (T.DURATION, "P", "value: expected duration"),
    (T.DURATION, float("nan"), "value: expected duration"),
    (T.DURATION, True, "value: expected duration"),
    (T.BINARY, "x", "value: expected bytes"),
    (T.ERROR, {"msg": "x"}, "value: expected error"),
    (T.enum("adam", "sgd"), "adm", "value: expected one of 'adam', 'sgd', got 'adm'; did you mean 'adam'?"),
    (T.enum("a"), 1, "value: expected enum ['a'], got 1 (int)"),
    (T.list(T.INT), "12", "value: expected list[integer], got '12' (str)"),
    (T.list(T.INT), {1, 2}, "value: expected list[integer], got {1, 2} (set)"),
    (T.list(T.INT), [0, 1, 2**70, 3], "value[2]: integer out of range"),
    (T.list(T.list(T.INT)), [[1], [2, "x"]], "value[1][1]: expected integer, got 'x' (str)"),
    (T.map(T.INT), [1], "value: expected dict[string, integer]"),
    (T.map(T.INT), {1: 2}, "value[1]: expected a string as key, got 1 (int)"),
    (T.map(T.INT), {"a": 1, "b c": "x"}, "value['b c']: expected integer, got 'x' (str)"),
    (T.map(T.INT), {"a": 2**64}, "value.a: integer out of range"),
    (T.map(T.INT), {"\ud800": 1}, "UTF-8"),
    (T.STRUCT, 3, "value: expected dict, list, dataclass or model, got 3 (int)"),
    (T.STRUCT, "x", "value: expected dict, list, dataclass or model"),
    (T.STRUCT, {"a": [object()]}, "value.a[0]: expected plain data"),
    (T.STRUCT, {"a": 2**64}, "value.a: "),
    (T.STRUCT, {"a": "\ud800"}, "value.a: "),
    (MODEL, {}, "value.layers: missing field of dataclass Model"),
    (MODEL, {"layers": [], "layer": []}, "value.layer: unknown field of dataclass Model; did you mean 'layers'?"),
    (MODEL, 3, "value: expected dataclass Model, got 3 (int)"),
    (MODEL, {"layers": [{"width": 1}, {"width": "wide"}]}, "value.layers[1].width: expected integer, got 'wide' (str)"),
    (MODEL, {"layers": "x"}, "value.layers: expected list"),
    (MODEL, {"layers": [], "rate": "x"}, "value.rate: expected float"),
    (MODEL, {"layers": [], "mode": "train"}, "value.mode: expected one of 'fit', 'eval', got 'train'"),
    (MODEL, {"layers": [], "level": True}, "value.level: expected one of 1, 2, got True"),
    (MODEL, {"layers": [], "when": 3}, "value.when: expected datetime"),
    (MODEL, {"layers": [], "pair": [1]}, "value.pair: expected 2 elements, got 1"),
    (MODEL, {"layers": [], "pair": ["x", "y"]}, "value.pair[0]: expected integer"),
    (MODEL, {"layers": [], "extra": 1.5}, "value.extra: fits no variant: expected integer"),
    (MODEL, {"layers": [], "best": {"width": "x"}}, "value.best.width: expected integer"),
    (MODEL, {"layers": [], "flag": 1}, "value.flag: expected boolean"),
    (MODEL, {"layers": [], "file": 3}, "value.file: expected dataclass FlyteFile"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "message"), REFUSED)
def test_a_value_is_refused(kind: Any, value: Any, message: str, codec: Codec) -> None:
    with pytest.raises(LiteralError) as caught:
        codec.encode(value, kind)
    assert message in str(caught.value)
    assert len(caught.value.problems) == 1


def test_a_value_that_contains_itself_is_refused(codec: Codec) -> None:
    loop: dict[str, Any] = {}
    loop["loop"] = [loop]
    tree = {"$ref": "#/$defs/N", "$defs": {"N": {"type": "object", "additionalProperties": {"$ref": "#/$defs/N"}}}}
    node: dict[str, Any] = {}
    node["n"] = node
    for kind, value in ((T.STRUCT, loop), (T.struct(tree), node), (T.struct({"title": "X"}, msgpack=False), loop)):
        with pytest.raises(LiteralError, match=r"contains itself|too deep|recursion"):
            codec.encode(value, kind)


def test_all_problems_of_a_list_are_told_and_long_lists_are_cut(codec: Codec) -> None:
    with pytest.raises(LiteralError) as caught:
        codec.encode([1, "a"] * 1000, T.list(T.INT))
    assert len(caught.value.problems) == 1000
    assert "and 950 more" in str(caught.value)
    assert len(str(caught.value)) < 5000


def test_a_type_without_the_msgpack_annotation_gets_a_struct(codec: Codec) -> None:
    kind = T.struct(SCHEMA, msgpack=False)
    literal = codec.encode({"layers": [{"width": 3}], "rate": 2, "extra": 4}, kind).literal
    assert literal.scalar.WhichOneof("value") == "generic"
    back = codec.decode(literal, kind)
    assert back == {"layers": [{"width": 3}], "rate": 2.0, "extra": 4}
    assert [type(back["rate"]), type(back["extra"]), type(back["layers"][0]["width"])] == [float, int, int]


@pytest.mark.parametrize("number", [2**53 + 1, 10**400, float("nan"), float("-inf")])
def test_a_number_that_a_struct_would_change_is_refused(number: Any, codec: Codec) -> None:
    with pytest.raises(LiteralError, match=r"^value\.a\[1\]: the number .* does not survive the old Struct format"):
        codec.encode({"a": [2**53, number]}, T.struct({"title": "Old"}, msgpack=False))


def test_a_protobuf_message_is_a_struct(codec: Codec) -> None:
    kind = T.struct({"pb_type": "flyteidl.core.types_pb2.EnumType"}, msgpack=False)
    literal = codec.encode(T.enum("a").enum_type, kind).literal
    assert literal.scalar.WhichOneof("value") == "generic"
    assert codec.decode(literal, kind) == {"values": ["a"]}
    assert codec.decode(codec.encode({"values": ["b"]}, kind).literal, kind) == {"values": ["b"]}
    assert describe_type(kind) == "protobuf EnumType"


def parameter(kind: Any, *, default: Literal | None = None, required: bool = False) -> Parameter:
    made = Parameter(var=Variable(type=kind))
    if default is not None:
        made.default.CopyFrom(default)
    elif required:
        made.required = True
    return made


def test_inputs_take_their_defaults(codec: Codec) -> None:
    parameters = {
        "n": parameter(T.INT, required=True),
        "epochs": parameter(T.INT, default=codec.encode(7, T.INT).literal),
        "note": parameter(T.STR),
        "fixed": parameter(T.INT, required=True),
    }
    encoded = codec.encode_inputs({"n": 1}, parameters, fixed=["fixed"])
    assert codec.decode_map(encoded.literals) == {"n": 1, "epochs": 7}
    assert encoded.given == {"n"}
    assert encoded.uploads == ()
    assert (
        codec.decode_map(codec.encode_inputs({"n": 1, "epochs": 2}, parameters, fixed=["fixed"]).literals)["epochs"]
        == 2
    )


def test_all_problems_of_a_launch_are_told_at_once(codec: Codec) -> None:
    parameters = {
        "model": parameter(MODEL, required=True),
        "epochs": parameter(T.INT, required=True),
        "odd": parameter(T.union()),
    }
    parameters["odd"].var.type.Clear()
    values = {"model": {"layers": [{"width": 1}, {}, {"width": "wide"}]}, "epoch": 3, "seed": 1, "odd": 1}
    with pytest.raises(LiteralError) as caught:
        codec.encode_inputs(values, parameters, fixed=["seed"])
    assert caught.value.problems == (
        "inputs.epoch: unknown input; did you mean 'epochs'?; known inputs: epochs, model, odd",
        "inputs.seed: is fixed by the launch plan and cannot be given",
        "inputs.epochs: missing; the entity requires integer",
        "inputs.model.layers[1].width: missing field of dataclass Layer",
        "inputs.model.layers[2].width: expected integer, got 'wide' (str)",
        "inputs.odd: its type is empty, or of a kind that this release does not know",
    )
    assert all(problem in str(caught.value) for problem in caught.value.problems)


def test_encoding_leaves_types_and_values_alone(codec: Codec) -> None:
    kind = T.struct({"type": "object"}, msgpack=False)
    before = kind.SerializeToString(deterministic=True)
    value = {"a": [1, {"b": 2}]}
    codec.encode(value, kind)
    describe_type(kind)
    assert kind.SerializeToString(deterministic=True) == before
    assert value == {"a": [1, {"b": 2}]}


DESCRIBED = [
    (T.list(T.INT), "list[integer]"),
    (T.map(T.list(T.FLOAT)), "dict[string, list[float]]"),
    (T.enum("a", "b"), "enum ['a', 'b']"),
    (T.CSV, "file (csv)"),
    (T.DIRECTORY, "directory"),
    (T.union(int=T.INT, none=T.NONE), "union of integer | none"),
    (T.FRAME, "frame"),
    (T.SCHEMA, "schema"),
    (T.STRUCT, "struct"),
    (MODEL, "dataclass Model"),
]


@pytest.mark.parametrize(("kind", "words"), DESCRIBED)
def test_a_type_is_described(kind: Any, words: str) -> None:
    assert describe_type(kind) == words
