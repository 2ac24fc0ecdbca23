"""Classes of the user's own, entry points, hashes, and texts that mean values."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import subprocess
import sys
import textwrap
import typing
from fractions import Fraction
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pydantic
import pytest
from flyteidl.core import interface_pb2, types_pb2
from flyteidl.core.literals_pb2 import Literal
from flyteidl.core.types_pb2 import LiteralType
from literal_support import Types

from bridge_core import Codec, ConfigError, Hashed, LiteralError, TypeCodec
from bridge_core.literals import as_type

T = Types
POINT = T.struct(
    {"type": "object", "title": "Point", "properties": {"x": {"type": "integer"}, "y": {"type": "integer"}}}
)


class Point:
    def __init__(self, x: int, y: int) -> None:
        self.x, self.y = x, y

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Point) and (self.x, self.y) == (other.x, other.y)

    def __hash__(self) -> int:
        return hash((self.x, self.y))


class Corner(Point):
    pass


@dataclasses.dataclass(frozen=True)
class Box:
    corner: Point
    n: int = 1


def pointed() -> Codec:
    return Codec.default().with_type(
        Point, to_literal=lambda p: {"x": p.x, "y": p.y}, from_literal=lambda d: Point(**d)
    )


def test_a_class_of_ones_own_there_and_back() -> None:
    codec = pointed()
    literal = codec.encode(Point(1, 2), POINT).literal
    assert codec.decode(literal, POINT) == {"x": 1, "y": 2}
    assert codec.as_type(codec.decode(literal, POINT), Point) == Point(1, 2)
    several = codec.encode({"a": [Point(1, 2), Corner(3, 4)]}, T.map(T.list(POINT)))
    assert codec.as_type(codec.decode(several.literal), dict[str, list[Point]]) == {"a": [Point(1, 2), Point(3, 4)]}
    kind = T.struct(
        {"type": "object", "title": "Box", "properties": {"corner": {"type": "object"}, "n": {"type": "integer"}}}
    )
    box = Box(Point(1, 2))
    boxed = codec.encode(box, kind).literal
    assert codec.as_type(codec.decode(boxed, kind), Box) == box
    assert box.corner == Point(1, 2), "the caller's object stays as it is"


def test_codecs_do_not_share_types() -> None:
    pointed()
    with pytest.raises(LiteralError, match="Point"):
        Codec.default().encode(Point(1, 2), POINT)
    with pytest.raises(LiteralError):
        as_type({"x": 1, "y": 2}, Point)


def test_duplicates_and_our_own_types_need_override() -> None:
    codec, same = pointed(), {"to_literal": str, "from_literal": str}
    with pytest.raises(ConfigError, match=r"Point has a TypeCodec already \(with_type\(\)\); give override=True"):
        codec.with_type(Point, **same)
    with pytest.raises(ConfigError, match="int is converted by the codec itself"):
        codec.with_type(int, **same)
    with pytest.raises(ConfigError, match="give to_literal and from_literal"):
        codec.with_type(Fraction)
    assert codec.with_type(Point, to_literal=lambda p: p.x, from_literal=int, override=True).encode(Point(7, 0), T.INT)
    text = codec.with_type(int, **same, override=True).encode(5, T.STR).literal
    assert text.scalar.primitive.string_value == "5"
    assert codec.with_type(TypeCodec(Fraction, str, Fraction)).as_type("1/3", Fraction) == Fraction(1, 3)


def test_a_codec_may_give_a_literal_and_may_refuse() -> None:
    def literal(point: Any) -> Literal:
        out = Literal()
        out.scalar.primitive.integer = point.x
        return out

    codec = Codec.default().with_type(Point, to_literal=literal, from_literal=lambda n: Point(n, 0))
    assert codec.decode(codec.encode(Point(4, 0), T.INT).literal) == 4
    with pytest.raises(LiteralError, match=r"value\[1\]: the TypeCodec of Point refuses it: AttributeError"):
        Codec.default().with_type(Point, to_literal=lambda p: p.z, from_literal=Point).encode(
            [1, Point(1, 2)], T.list(T.INT)
        )
    with pytest.raises(LiteralError, match="the TypeCodec of Point refuses it: TypeError"):
        pointed().as_type(3, Point)


ENTRY = """
import sys
sys.path.insert(0, sys.argv[1])
from bridge_core import Codec, ConfigError
from flyteidl.core.types_pb2 import INTEGER, LiteralType
try:
    from brought import Thing
    print(Codec.default().decode(Codec.default().encode(Thing(), LiteralType(simple=INTEGER)).literal))
except ConfigError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ({"one": "brought:ONE"}, "42"),
        ({"one": "brought:MANY"}, "42"),
        (
            {"one": "brought:ONE", "two": "brought:ONE"},
            "entry point two = brought:ONE of group flyte_bridge.types: Thing has a",
        ),
        ({"one": "brought:Thing"}, "gives type; wanted a TypeCodec, or a list of them"),
        ({"one": "missing:X"}, "cannot be loaded: ModuleNotFoundError"),
    ],
)
def test_packages_bring_types_along(points: dict[str, str], said: str, tmp_path: Path) -> None:
    (tmp_path / "brought.py").write_text(
        textwrap.dedent(
            """
            from bridge_core import TypeCodec
            class Thing: pass
            ONE = TypeCodec(Thing, lambda thing: 42, lambda n: Thing())
            MANY = [ONE]
            """
        )
    )
    info = tmp_path / "brought-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: brought\nVersion: 1.0\n")
    lines = "\n".join(f"{name} = {value}" for name, value in points.items())
    (info / "entry_points.txt").write_text(f"[flyte_bridge.types]\n{lines}\n")
    run = subprocess.run([sys.executable, "-c", ENTRY, str(tmp_path)], capture_output=True, text=True)
    assert said in run.stdout, run.stderr


def test_a_hash_and_metadata_go_with_a_value(codec: Codec) -> None:
    literal = codec.encode(Hashed([1, 2], "h1", metadata={"_uap": "p"}), T.list(T.INT)).literal
    assert (literal.hash, dict(literal.metadata)) == ("h1", {"_uap": "p"})
    assert codec.decode(literal, T.list(T.INT)) == [1, 2]
    with pytest.raises(LiteralError, match="expected integer, got 'x'"):
        codec.encode(Hashed("x", "h"), T.INT)
    parameters = {"a": interface_pb2.Parameter(var=interface_pb2.Variable(type=T.FILE), required=True)}
    encoded = codec.encode_inputs({"a": Hashed("some/file", "h")}, parameters)
    assert len(encoded.uploads) == 1
    resolved = encoded.resolved({encoded.uploads[0].token: "s3://b/x"})
    assert (resolved.literals["a"].hash, resolved.literals["a"].scalar.blob.uri) == ("h", "s3://b/x")


SCHEMA = T.struct(
    {
        "type": "object",
        "title": "M",
        "properties": {
            "n": {"type": "integer"},
            "deep": {"type": "array", "items": {"$ref": "#/$defs/L"}},
            "name": {"type": "string"},
            "maybe": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        },
        "$defs": {"L": {"type": "object", "properties": {"on": {"type": "boolean"}}}},
    }
)
TEXTS = [
    ("3", T.INT, 3),
    (" -3 ", T.INT, -3),
    ("1e3", T.FLOAT, 1000.0),
    ("3", T.FLOAT, 3.0),
    ("True", T.BOOL, True),
    ("false", T.BOOL, False),
    ("3", T.STR, "3"),
    ('{"a": 1}', T.STR, '{"a": 1}'),
    ("null", T.STR, "null"),
    ("[1, 2]", T.list(T.INT), [1, 2]),
    ('["1", "2"]', T.list(T.INT), [1, 2]),
    (["1", 2], T.list(T.INT), [1, 2]),
    ('{"a": "1"}', T.map(T.INT), {"a": 1}),
    ({"a": "true"}, T.map(T.BOOL), {"a": True}),
    ('{"a": [1]}', T.STRUCT, {"a": [1]}),
    ('{"n": "3", "name": "3", "deep": [{"on": "true"}], "maybe": "null"}', SCHEMA, None),
    ("5", T.union(int=T.INT, none=T.NONE), 5),
    ("null", T.union(int=T.INT, none=T.NONE), None),
    ("5", T.union(int=T.INT, str=T.STR), "5"),
    ("5", T.union(float=T.FLOAT, int=T.INT), 5),
    ("2024-01-01", T.DATETIME, dt.datetime(2024, 1, 1, tzinfo=dt.UTC)),
    ("1h", T.DURATION, dt.timedelta(hours=1)),
    ("a", T.enum("a", "b"), "a"),
]


@pytest.mark.parametrize(("text", "kind", "wanted"), TEXTS, ids=[f"{t}-{i}" for i, (t, *_) in enumerate(TEXTS)])
def test_texts_are_taken_for_what_they_mean_on_request(text: Any, kind: Any, wanted: Any, codec: Codec) -> None:
    found = codec.decode(codec.encode(text, kind, coerce_json=True).literal, kind)
    if kind is SCHEMA:
        wanted = {"n": 3, "name": "3", "deep": [{"on": True}], "maybe": None}
    assert repr(found) == repr(wanted)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("3", T.INT), ("true", T.BOOL), ("1.5", T.FLOAT), ("[1]", T.list(T.INT)), ('{"a": 1}', T.map(T.INT))],
)
def test_and_never_without_being_asked(text: str, kind: Any, codec: Codec) -> None:
    with pytest.raises(LiteralError, match="got '"):
        codec.encode(text, kind)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("3.0", T.INT), ("yes", T.BOOL), ("1", T.BOOL), ("", T.INT), ("[1", T.list(T.INT)), ("{", T.STRUCT), ("9" * 500, T.INT),
        ("[" * 100_000, T.list(T.INT)), ('["x"]', T.list(T.INT)), ("[1]", T.map(T.INT)),
    ],
)  # fmt: skip
def test_texts_that_mean_nothing_are_refused(text: str, kind: Any, codec: Codec) -> None:
    with pytest.raises(LiteralError):
        codec.encode(text, kind, coerce_json=True)


class Shade(enum.Enum):
    DARK = "d"
    LIGHT = "l"
    d = "DARK"


def test_enums_by_value_or_by_name() -> None:
    first, second = Codec.default(), Codec.default(enums="name")
    values, names = T.enum("d", "l"), T.enum("DARK", "LIGHT", "d")
    text = lambda codec, member, kind: codec.encode(member, kind).literal.scalar.primitive.string_value  # noqa: E731
    assert text(first, Shade.DARK, values) == "d"
    assert text(second, Shade.LIGHT, names) == "LIGHT"
    assert text(first, Shade.LIGHT, names) == "LIGHT", "only the name is a candidate"
    assert (text(first, Shade.d, names), text(second, Shade.d, names)) == ("DARK", "d")
    assert as_type("LIGHT", Shade) is Shade.LIGHT
    with pytest.raises(LiteralError, match="expected one of 'd', 'l', got 'LIGHT'"):
        first.encode("LIGHT", values)
    with pytest.raises(ConfigError, match="'value'"):
        Codec(enums="x")


class Aliased(pydantic.BaseModel):
    width: int = pydantic.Field(alias="layerWidth")
    note: str = ""


def test_pydantic_aliases(codec: Codec) -> None:
    kind = T.struct(Aliased.model_json_schema())
    value = Aliased(layerWidth=3)
    literal = codec.encode(value, kind).literal
    assert codec.decode(literal, kind) == {"layerWidth": 3, "note": ""}
    assert as_type({"layerWidth": 3}, Aliased) == value
    assert as_type({"width": 3}, Aliased) == value, "flytekit dumps by field name"
    with pytest.raises(LiteralError, match="Aliased refuses it"):
        as_type({"other": 3}, Aliased)


@attrs.define
class Attrs:
    x: int
    _hidden: int = 2
    names: list[str] = attrs.field(factory=list)


class Keys(typing.TypedDict):
    a: int
    b: typing.NotRequired[Point]


class Pair(typing.NamedTuple):
    a: int
    b: str = "b"


def test_other_classes_of_the_caller(codec: Codec) -> None:
    assert as_type({"x": 1, "names": ["a"]}, Attrs) == Attrs(1, names=["a"])
    with pytest.raises(LiteralError, match=r"value\.x: missing field of Attrs"):
        as_type({}, Attrs)
    assert as_type({"a": 1}, Keys) == {"a": 1}
    assert pointed().as_type({"a": 1, "b": {"x": 1, "y": 2}}, Keys) == {"a": 1, "b": Point(1, 2)}
    for bad, text in [
        ({}, r"value\.a: missing"),
        ({"a": 1, "bb": 1}, "unknown field"),
        ({"a": "x"}, "expected int"),
        (3, "Keys"),
    ]:
        with pytest.raises(LiteralError, match=text):
            as_type(bad, Keys)
    for good in ({"a": 1, "b": "x"}, [1, "x"], {"item_0": 1, "item_1": "x"}):
        assert as_type(good, Pair) == Pair(1, "x")
    assert as_type([1], Pair) == Pair(1)
    for bad, text in [([], "missing"), ([1, "a", 2], "expected 2"), ({"a": 1, "c": 2}, "unknown"), (3, "Pair")]:
        with pytest.raises(LiteralError, match=text):
            as_type(bad, Pair)
    kind = T.struct(
        {"type": "object", "title": "Attrs", "properties": {"x": {"type": "integer"}}, "additionalProperties": True}
    )
    assert codec.decode(codec.encode(Attrs(1), kind).literal, kind)["x"] == 1
    pair = T.struct(
        {"type": "object", "title": "Pair", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}}
    )
    assert codec.decode(codec.encode(Pair(1), pair).literal, pair) == {"a": 1, "b": "b"}


def test_numpy_arrays_become_files(codec: Codec) -> None:
    kind = LiteralType(blob=types_pb2.BlobType(format="NumpyArray"))
    (upload,) = codec.encode(np.arange(3), kind).uploads
    assert (upload.kind, upload.file_name) == ("array", "array.npy")
    with pytest.raises(LiteralError, match="expected file"):
        codec.encode(np.arange(3), T.FILE)
