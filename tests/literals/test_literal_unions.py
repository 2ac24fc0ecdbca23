"""Which variant a value means, and what is said when it means none or several."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from flyteidl.core.literals_pb2 import Literal
from literal_support import Types

from bridge_core.literals import Codec
from bridge_core.model.errors import LiteralError
from bridge_core.model.references import FileRef

T = Types


def dataclass_type(title: str, **fields: str) -> Any:
    return T.struct(
        {
            "type": "object",
            "title": title,
            "required": list(fields),
            "additionalProperties": False,
            "properties": {name: {"type": kind} for name, kind in fields.items()},
        }
    )


class Color(enum.Enum):
    RED = "red"


@dataclass
class A:
    x: int


@dataclass
class B:
    x: int


INT_FLOAT = T.union(int=T.INT, float=T.FLOAT)
A_B = T.union(a=dataclass_type("A", x="integer"), b=dataclass_type("B", x="integer"))

CHOSEN = [
    (INT_FLOAT, 1, "int"),
    (INT_FLOAT, 1.0, "float"),
    (INT_FLOAT, np.int64(1), "int"),
    (INT_FLOAT, np.float64(1), "float"),
    (T.union(float=T.FLOAT, none=T.NONE), 1, "float"),
    (T.union(bool=T.BOOL, int=T.INT), True, "bool"),
    (T.union(int=T.INT, bool=T.BOOL), 1, "int"),
    (T.union(int=T.INT, none=T.NONE), None, "none"),
    (T.union(str=T.STR, file=T.FILE), "s3://b/x", "str"),
    (T.union(int=T.INT, file=T.FILE), "s3://b/x", "file"),
    (T.union(str=T.STR, file=T.FILE), FileRef(uri="s3://b/x"), "file"),
    (T.union(str=T.STR, datetime=T.DATETIME), "2024-01-01", "str"),
    (T.union(int=T.INT, datetime=T.DATETIME), "2024-01-01", "datetime"),
    (T.union(str=T.STR, enum=T.enum("red")), "red", "str"),
    (T.union(str=T.STR, enum=T.enum("red")), Color.RED, "enum"),
    (T.union(enum=T.enum("red"), int=T.INT), "red", "enum"),
    (T.union(li=T.list(T.INT), ls=T.list(T.STR)), ["a"], "ls"),
    (T.union(li=T.list(T.INT), lf=T.list(T.FLOAT)), [1, 2], "li"),
    (T.union(li=T.list(T.INT), lf=T.list(T.FLOAT)), [1, 2.5], "lf"),
    (T.union(li=T.list(T.INT), map=T.map(T.INT)), {"a": 1}, "map"),
    (T.union(dict=T.STRUCT, map=T.map(T.INT)), {"a": "x"}, "dict"),
    (T.union(a=dataclass_type("A", x="integer"), dict=T.STRUCT), {"x": 1}, "dict"),
    (A_B, A(1), "a"),
    (A_B, B(1), "b"),
    (T.union(a=dataclass_type("A", x="integer"), b=dataclass_type("B", y="integer")), {"y": 1}, "b"),
    (T.union(deep=T.union(int=T.INT, none=T.NONE), str=T.STR), 5, "deep"),
]


@pytest.mark.parametrize(("kind", "value", "tag"), CHOSEN)
def test_a_variant_is_chosen_and_its_type_copied(kind: Any, value: Any, tag: str, codec: Codec) -> None:
    union = codec.encode(value, kind).literal.scalar.union
    assert union.type.structure.tag == tag
    assert union.type in kind.union_type.variants


@pytest.mark.parametrize(("kind", "value", "tag"), CHOSEN)
def test_many_are_chosen_as_one_is(kind: Any, value: Any, tag: str, codec: Codec) -> None:
    one = codec.encode(value, kind).literal
    many = codec.encode([value, value], T.list(kind)).literal.collection.literals
    assert list(many) == [one, one]
    assert codec.encode({"a": value}, T.map(kind)).literal.map.literals["a"] == one


UNDECIDED = [
    (A_B, {"x": 1}, "value: fits several variants equally well: dataclass A | dataclass B"),
    (T.union(file=T.FILE, frame=T.FRAME), "s3://b/x", "value: fits several variants equally well: file | frame"),
    (T.union(li=T.list(T.INT), ls=T.list(T.STR)), [], "value: fits several variants equally well: list[integer]"),
    (
        T.union(a=T.enum("x"), b=T.enum("x", "y")),
        "x",
        "fits several variants equally well: enum ['x'] | enum ['x', 'y']",
    ),
    (T.union(int=T.INT, str=T.STR), 1.5, "value: expected union of integer | string, got 1.5 (float)"),
    (T.union(int=T.INT, str=T.STR), None, "value: expected union of integer | string, got None"),
    (T.union(int=T.INT, none=T.NONE), "x", "value: expected integer, got 'x' (str)"),
    (T.union(int=T.INT, none=T.NONE), 2**63, "value: integer out of range"),
    (T.union(list=T.list(T.INT), none=T.NONE), [1, "x"], "value[1]: expected integer, got 'x' (str)"),
    (T.union(list=T.list(T.INT), str=T.STR), [1, "x"], "(value[1]: expected integer, got 'x' (str))"),
    (T.list(T.union(int=T.INT, none=T.NONE)), [1, None, 2**63, None], "value[2]: integer out of range"),
]


@pytest.mark.parametrize(("kind", "value", "message"), UNDECIDED)
def test_no_variant_or_several(kind: Any, value: Any, message: str, codec: Codec) -> None:
    with pytest.raises(LiteralError) as caught:
        codec.encode(value, kind)
    assert message in str(caught.value)
    assert len(caught.value.problems) == 1


def test_uploads_of_variants_that_were_only_tried_are_forgotten(codec: Codec) -> None:
    kind = T.list(T.union(csv=T.list(T.CSV), files=T.map(T.FILE), number=T.INT))
    encoded = codec.encode([["a.csv", "b.csv"], {"k": "c"}, 3], kind)
    assert [(u.token[-1], u.path, u.file_name) for u in encoded.uploads] == [
        ("0", "value[0][0]", "a.csv"),
        ("1", "value[0][1]", "b.csv"),
        ("2", "value[1].k", "c"),
    ]
    resolved = encoded.resolved({u.token: f"s3://b/{u.file_name}" for u in encoded.uploads})
    assert [ref.uri for ref in codec.decode(resolved, kind)[0]] == ["s3://b/a.csv", "s3://b/b.csv"]


def test_a_bare_value_for_a_union_is_read(codec: Codec) -> None:
    """FlyteAdmin takes a value without a variant, so a run's stored inputs may have one."""
    kind = T.union(int=T.INT, str=T.STR)
    assert codec.decode(codec.encode(3, T.INT).literal, kind) == 3
    assert codec.decode(codec.encode([3], T.list(T.INT)).literal, T.list(kind)) == [3]


def test_a_failed_element_of_a_mapped_task_is_none(codec: Codec) -> None:
    literal = codec.encode([1, 0, 2], T.list(T.INT)).literal
    literal.collection.literals[1].CopyFrom(codec.encode(None, T.NONE).literal)
    assert codec.decode(literal, T.list(T.INT)) == [1, None, 2]


def test_a_variant_of_another_release_is_read_by_what_it_holds(codec: Codec) -> None:
    literal = Literal()
    literal.CopyFrom(codec.encode(3, T.union(int=T.INT, none=T.NONE)).literal)
    literal.scalar.union.type.structure.tag = "integer of tomorrow"
    assert codec.decode(literal, T.union(int=T.INT, none=T.NONE)) == 3
