"""Every kind of type against odd and wrong values, as Python callers and as command lines and templates give them."""

from __future__ import annotations

import collections
import copy
import dataclasses
import datetime as dt
import decimal
import enum
import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pendulum
import pytest
from flyteidl.core.literals_pb2 import Literal
from hypothesis import given, settings
from hypothesis import strategies as st
from literal_support import Types
from pydantic import RootModel

from bridge_core.literals import Codec
from bridge_core.literals.coder import Job
from bridge_core.literals.json_schema_fast import never
from bridge_core.literals.structs import StructCoder
from bridge_core.model.errors import LiteralError
from bridge_core.model.references import FileRef

T = Types


def struct(node: dict[str, Any]) -> Any:
    return T.struct({"type": "object", "title": "S", "additionalProperties": False, "properties": {"x": node}})


ISO, SECONDS = struct({"type": "string", "format": "duration"}), struct({"type": "number", "format": "time-delta"})
NUMBERS, ANYTHING = struct({"type": "array", "items": {"type": "integer"}}), struct({})
COUNTS = struct({"type": "object", "additionalProperties": {"type": "integer"}})
WEEK = dt.timedelta(days=7)

TAKEN = [
    (T.DURATION, pendulum.duration(weeks=1), WEEK),
    (T.DURATION, pd.Timedelta("7D"), WEEK),
    (T.DURATION, np.int64(5), dt.timedelta(seconds=5)),
    (T.DURATION, np.float32(1.5), dt.timedelta(seconds=1.5)),
    (ISO, {"x": pendulum.duration(days=400)}, {"x": "P1Y35D"}),
    (ISO, {"x": 5}, {"x": "PT5S"}),
    (ISO, {"x": 1.5}, {"x": "PT1.5S"}),
    (SECONDS, {"x": pendulum.duration(days=1)}, {"x": 86400.0}),
    (T.STRUCT, {"x": pendulum.duration(days=1)}, {"x": 86400.0}),
    (NUMBERS, {"x": range(3)}, {"x": [0, 1, 2]}),
    (NUMBERS, {"x": collections.deque([1])}, {"x": [1]}),
    (struct({"type": "string", "format": "base64url"}), {"x": bytearray(b"\xff")}, {"x": "_w=="}),
    (struct({"type": "string", "format": "binary"}), {"x": bytearray(b"x")}, {"x": "x"}),
    (COUNTS, {"x": {1: 1, "a": 2}}, {"x": {1: 1, "a": 2}}),
    (T.STRUCT, RootModel[dict[str, int]]({"a": 1}), {"a": 1}),
    (T.STRUCT, {"k": RootModel[list[int]]([1])}, {"k": [1]}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "back"), TAKEN)
def test_odd_values_that_mean_something_are_taken(kind: Any, value: Any, back: Any, codec: Codec) -> None:
    for coerce in (False, True):
        assert codec.decode(codec.encode(value, kind, coerce_json=coerce).literal, kind) == back


REFUSED = [
    (T.list(T.INT), np.array(3), "value: expected list[integer], got a numpy ndarray"),
    (T.list(T.INT), np.int64(3), "value: expected list[integer], got 3 (numpy int64)"),
    (T.DURATION, np.timedelta64(5, "s"), "got 5 seconds (numpy timedelta64)"),
    (T.FLOAT, np.timedelta64(5, "s"), "value: expected float, got 5 seconds (numpy timedelta64)"),
    (T.INT, np.timedelta64(5, "s"), "value: expected integer, got 5 seconds (numpy timedelta64)"),
    (SECONDS, {"x": np.timedelta64(5, "s")}, "value.x: expected duration"),
    (struct({"type": "number"}), {"x": np.timedelta64(5, "s")}, "value.x: expected float"),
    (ISO, {"x": True}, "value.x: expected duration"),
    (T.FILE, "s3://", "value: the reference has the URI s3://, which names nothing"),
    (T.FRAME, {"uri": "gs://"}, "value: the reference has the URI gs://, which names nothing"),
    (T.STRUCT, {"a": "\ud800"}, "value.a: holds characters that UTF-8 cannot carry (lone surrogates)"),
    (T.STRUCT, {"a": {"\ud800": 1}}, "value.a: holds characters that UTF-8 cannot carry (lone surrogates)"),
    (COUNTS, {"x": {(1, 2): 1}}, "value: expected texts and numbers as keys, got (1, 2) (tuple)"),
    (ANYTHING, {"x": [{(1, 2): 1}]}, "value: expected texts and numbers as keys, got (1, 2) (tuple)"),
    (NUMBERS, {"x": np.array(3)}, "value.x: expected list, got a numpy ndarray"),
    (NUMBERS, {"x": "12"}, "value.x: expected list, got '12' (str)"),
    (T.FRAME, {"uri": "t.parquet", "file_format": "csv"}, "value: expected frame"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "message"), REFUSED)
def test_values_that_mean_nothing_are_refused_by_name(kind: Any, value: Any, message: str, codec: Codec) -> None:
    with pytest.raises(LiteralError) as caught:
        codec.encode(value, kind)
    assert message in str(caught.value)


TEXTS = [
    (T.DURATION, "5", dt.timedelta(seconds=5)),
    (T.DURATION, " 1.5 ", dt.timedelta(seconds=1.5)),
    (T.DURATION, "P1W", WEEK),
    (T.ERROR, '{"message": "m"}', {"message": "m", "failed_node_id": ""}),
    (T.FLOAT, "inf", float("inf")),
    (T.FLOAT, "-Infinity", float("-inf")),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "back"), TEXTS)
def test_texts_of_a_command_line_are_read_by_type(kind: Any, text: str, back: Any, codec: Codec) -> None:
    assert codec.decode(codec.encode(text, kind, coerce_json=True).literal, kind) == back


BAD_TEXTS = [
    (T.FLOAT, "1e999", "value: expected float, got '1e999' (str)"),
    (T.FLOAT, "1_0.5", "value: expected float, got '1_0.5' (str)"),
    (T.list(T.INT), "[1,'2']", "it is no JSON: Expecting value: line 1 column 4"),
    (T.map(T.INT), '{"a": 1, "a": 2}', "it is no JSON: the key 'a' stands twice in one object"),
    (COUNTS, '{"x": {"b": 1, "b": 1}}', "it is no JSON: the key 'b' stands twice in one object"),
    (COUNTS, "{'x': 1}", "it is no JSON: Expecting property name"),
    (T.STRUCT, "[" * 100_000, "it is no JSON"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "message"), BAD_TEXTS)
def test_texts_that_cannot_be_read_say_why(kind: Any, text: str, message: str, codec: Codec) -> None:
    with pytest.raises(LiteralError) as caught:
        codec.encode(text, kind, coerce_json=True)
    assert message in str(caught.value)


# --- the fast way and the long one agree -----------------------------------------------------------------------------


@dataclass
class S:
    x: Any = 1


@dataclass
class Slotted:
    __slots__ = ("x",)
    x: Any


class Doubled:
    """A descriptor: what is stored is not what is read."""

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return 1 if owner is None else vars(owner)["x"] * 2

    def __set__(self, owner: Any, value: Any) -> None:
        vars(owner)["x"] = value


@dataclass
class Computed:
    x: Any = Doubled()  # type: ignore[assignment]


def renamed(kind: type) -> type:
    kind.__name__ = "S"
    return kind


INTEGER = struct({"type": "integer"})


def test_fields_are_read_as_the_class_gives_them(codec: Codec) -> None:
    kinds = T.list(INTEGER)
    for cls, wanted in ((S, 3), (renamed(Slotted), 3), (renamed(Computed), 6)):
        values = [cls(3) for _ in range(3)]
        assert codec.decode(codec.encode(values, kinds).literal, kinds) == [{"x": wanted}] * 3
    late = S(3)
    late.y = 4  # type: ignore[attr-defined]
    assert codec.decode(codec.encode([late], kinds).literal, kinds) == [{"x": 3}], "what is no field is not sent"
    for change in ("y", "x"):
        wrong: Any = S(3)
        if change == "x":
            del wrong.x
            wrong.__dict__["z"] = 1
            assert codec.decode(codec.encode([wrong], kinds).literal, kinds) == [{"x": 1}], "the class has a default"
        else:
            wrong.x = "three"
            with pytest.raises(LiteralError, match=r"value\[1\]\.x: expected integer, got 'three'"):
                codec.encode([S(1), wrong], kinds)


def test_one_wrong_element_among_many_is_named_and_the_others_are_not_changed(codec: Codec) -> None:
    kinds = T.list(struct({"type": "array", "items": {"type": "number"}}))
    values = [{"x": [1, 2.5]}, S([1, 2]), {"x": (1.5,)}, {"x": np.arange(2)}, {"x": []}]
    before = json.dumps([v if isinstance(v, dict) else vars(v) for v in values if "arange" not in str(v)], default=str)
    assert codec.decode(codec.encode(values, kinds).literal, kinds) == [
        {"x": [1.0, 2.5]}, {"x": [1.0, 2.0]}, {"x": [1.5]}, {"x": [0.0, 1.0]}, {"x": []},
    ]  # fmt: skip
    assert before == json.dumps(
        [v if isinstance(v, dict) else vars(v) for v in values if "arange" not in str(v)], default=str
    )
    with pytest.raises(LiteralError) as caught:
        codec.encode([*values, {"x": ["a"]}, {"y": 1}, 3], kinds)
    assert caught.value.problems == (
        "value[5].x[0]: expected float, got 'a' (str)",
        "value[6].y: unknown field of dataclass S",
        "value[7]: expected dataclass S, got 3 (int)",
    )


class Color(enum.Enum):
    RED = "a"


ALL_KINDS: dict[str, Any] = {
    "integer": {"type": "integer"}, "number": {"type": "number"}, "text": {"type": "string"}, "flag": {"type": "boolean"},
    "maybe": {"anyOf": [{"type": "integer"}, {"type": "null"}]}, "either": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
    "choice": {"enum": ["a", "b"]}, "level": {"enum": [1, 2]}, "numbers": {"type": "array", "items": {"type": "number"}},
    "pair": {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]},
    "counts": {"type": "object", "additionalProperties": {"type": "integer"}}, "anything": {}, "untyped": {"type": "object"},
    "when": {"type": "string", "format": "date-time"}, "day": {"type": "string", "format": "date"},
    "gap": {"type": "string", "format": "duration"}, "wait": {"type": "number", "format": "time-delta"},
    "id": {"type": "string", "format": "uuid"}, "cost": {"anyOf": [{"type": "number"}, {"type": "string"}]},
    "raw": {"type": "string", "format": "base64"}, "again": {"$ref": "#/$defs/S"},
    "weights": {"title": "FlyteFile", "type": "object", "properties": {"path": {"type": "string"}}},
}  # fmt: skip
POOL = [
    0, 1, -1, 2**53 + 1, 2**63, 2**70, 1.0, 1.5, float("nan"), "a", "b", "1", "2024-01-01", "PT1H", "\ud800", True, False, None,
    b"x", b"\xff", bytearray(b"x"), [], [1], [1, "a"], (1, "a"), {1}, {}, {"a": 1}, {1: 1}, {(1, 2): 1}, {"a": {"b": [1]}},
    dt.datetime(2024, 1, 1, tzinfo=dt.UTC), dt.date(2024, 1, 1), dt.timedelta(days=400), pendulum.duration(days=1), pd.NaT,
    np.int64(3), np.float32(1.5), np.bool_(True), np.arange(2), decimal.Decimal("1.5"), uuid.UUID(int=1), Color.RED,
    Path("x"), FileRef(uri="s3://b/x"), S(1), S("a"), object(), range(2), [None, 1], {"x": 1}, {"integer": 1}, "s3://b/x",
]  # fmt: skip


@settings(derandomize=True, max_examples=500, deadline=None, database=None)
@given(data=st.data())
def test_the_fast_way_takes_nothing_that_the_long_one_refuses_or_changes(data: st.DataObject) -> None:
    """The same bytes, uploads, problems and preference in unions, for values that fit and values that do not."""
    names = data.draw(st.lists(st.sampled_from(sorted(ALL_KINDS)), min_size=1, max_size=5, unique=True))
    required = data.draw(st.lists(st.sampled_from(names), max_size=2, unique=True))
    node = {
        "type": "object",
        "title": "S",
        "required": required,
        "properties": {name: ALL_KINDS[name] for name in names},
    }
    coder = StructCoder("dataclass S", T.struct({**node, "additionalProperties": False, "$defs": {"S": node}}))
    assert coder._entry is not None
    slow = copy.copy(coder)
    slow._entry = coder._entry._replace(fast=never)
    fields = {name: data.draw(st.sampled_from(POOL)) for name in names if data.draw(st.integers(0, 9))}
    if data.draw(st.booleans()):
        cls = dataclasses.make_dataclass("S", list(fields) or ["nothing"])
        value = cls(*(fields.values() if fields else [1]))
    else:
        value = fields
    outcomes = []
    for one in (coder, slow):
        for bulk in (False, True):
            job, out = Job(), Literal()
            if bulk:
                one.fill_many(out.collection.literals, [value, value], (None, "v"), job)
            else:
                for _ in range(2):
                    one.fill(out.collection.literals.add(), value, (None, "v"), job)
            problems = [problem.replace("v[0]", "v").replace("v[1]", "v") for problem in job.problems]
            raw = b"" if problems else out.SerializeToString(deterministic=True)
            outcomes.append((raw, problems, job.coerced, [(u.kind, u.source) for u in job.uploads]))
    assert outcomes[0] == outcomes[1] == outcomes[2] == outcomes[3]


def test_a_union_prefers_the_variant_of_the_class_also_in_lists(codec: Codec) -> None:
    one = struct({"type": "integer"})
    other = T.struct(
        {"type": "object", "title": "R", "additionalProperties": False, "properties": {"x": {"type": "integer"}}}
    )
    kind = T.union(a=T.list(other), b=T.list(one))
    literal = codec.encode([S(1), S(2)], kind).literal
    assert literal.scalar.union.type.structure.tag == "b"
    with pytest.raises(LiteralError, match="fits several variants equally well"):
        codec.encode([{"x": 1}], kind)
