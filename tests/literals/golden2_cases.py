"""Cases of the golden bytes that the Flyte 2 SDK writes; see `golden_cases.py` for Flyte 1's.

No ``from __future__ import annotations`` here: the SDK reads the annotations of these classes at runtime.
"""

import datetime as dt
import enum
import typing
import warnings
from dataclasses import dataclass, field

from golden_cases import BEFORE, EPOCH, MOMENT, UTC, Case, same
from pydantic import BaseModel

from bridge_core import DirectoryRef, FileRef, FrameRef

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what the SDK does is its own affair
    from flyte.io import DataFrame, Dir, File

ONE, MANY = "s3://bucket/folder/one file.csv", "s3://bucket/folder/many"


class Shade(enum.Enum):
    DARK = "d"
    LIGHT = "l"


@dataclass
class Part:
    width: int
    name: str = "dense"


@dataclass
class Plan:
    parts: list[Part]
    rate: float
    seed: int | None = None
    made: dt.datetime = field(default_factory=lambda: dt.datetime(2024, 2, 29, 12, 30, tzinfo=UTC))
    patience: dt.timedelta = dt.timedelta(minutes=1.5)
    tags: dict[str, int] = field(default_factory=dict)
    anything: dict = field(default_factory=dict)


class Options(BaseModel):
    name: str
    rate: float = 1.0
    parts: list[int] = []
    note: str | None = None


class Pair(typing.NamedTuple):
    a: int
    b: str


class Keys(typing.TypedDict):
    a: int
    b: str


PLAN = Plan([Part(3), Part(5, "conv")], 0.5, 7, tags={"a": 1}, anything={"k": [1, 2.5, None, "x"]})
PLAN_PLAIN = {
    "parts": [{"width": 3, "name": "dense"}, {"width": 5, "name": "conv"}],
    "rate": 0.5,
    "seed": 7,
    "made": "2024-02-29T12:30:00+00:00",
    "patience": 90.0,
    "tags": {"a": 1},
    "anything": {"k": [1, 2.5, None, "x"]},
}

CASES2 = [
    same("int", int, -(2**63)),
    same("float", float, 2.5),
    same("str", str, "grüße ☃"),
    same("bool-false", bool, False),
    same("none", type(None), None),
    same("datetime", dt.datetime, MOMENT),
    same("datetime-before-epoch", dt.datetime, BEFORE),
    Case("date", dt.date, dt.date(2024, 2, 29), dt.datetime(2024, 2, 29, tzinfo=UTC)),
    same("timedelta-negative", dt.timedelta, dt.timedelta(seconds=-1.5)),
    same("optional-int", int | None, 5),
    same("optional-none", int | None, None),
    same("union", int | str | float, 2.0),
    same("union-list", list[int] | str, [1, 2]),
    Case("union-dataclass", Part | Shade | None, Part(1), {"width": 1, "name": "dense"}),
    Case("enum", Shade, Shade.LIGHT, "LIGHT"),
    Case("list-enum", list[Shade], [Shade.DARK, Shade.LIGHT], ["DARK", "LIGHT"]),
    same("list-int", list[int], [3, 0, -1]),
    same("list-optional", list[int | None], [1, None, 0]),
    same("list-datetime", list[dt.datetime], [MOMENT, EPOCH]),
    same("list-dict-list", list[dict[str, list[str]]], [{"a": ["x"], "b": []}, {}]),
    same("dict-int", dict[str, int], {"b": 1, "a": 0}),
    same("dict-dict", dict[str, dict[str, float]], {"a": {"x": 1.5}, "b": {}}),
    same("dict-untyped", dict, {"b": [1, 2.0, None, True, {"c": "d"}], "a": 2**60}),
    Case("dataclass", Plan, PLAN, PLAN_PLAIN),
    Case("list-dataclass", list[Part], [Part(1), Part(2)], [{"width": w, "name": "dense"} for w in (1, 2)]),
    Case("dict-dataclass", dict[str, Part], {"a": Part(1)}, {"a": {"width": 1, "name": "dense"}}),
    Case("pydantic", Options, Options(name="a", parts=[1]), {"name": "a", "rate": 1.0, "parts": [1], "note": None}),
    Case("tuple", tuple[int, str], (1, "a"), {"item_0": 1, "item_1": "a"}),
    Case("named-tuple", Pair, Pair(1, "b"), {"a": 1, "b": "b"}),
    same("typed-dict", Keys, {"a": 1, "b": "x"}),
    same("bytes-like-text", str, "\x00\x7f"),
    same("list-bool", list[bool], [True, False]),
    same("list-float", list[float], [0.0, -1.5]),
    same("list-list", list[list[int]], [[1], []]),
    same("list-timedelta", list[dt.timedelta], [dt.timedelta(0), dt.timedelta(days=1)]),
    same("dict-datetime", dict[str, dt.datetime], {"a": MOMENT}),
    Case("optional-enum", Shade | None, Shade.DARK, "DARK"),
    Case("dict-enum", dict[str, Shade], {"a": Shade.LIGHT}, {"a": "LIGHT"}),
    Case("optional-dataclass", Part | None, Part(2), {"width": 2, "name": "dense"}),
    Case("list-pydantic", list[Options], [Options(name="a")], [{"name": "a", "rate": 1.0, "parts": [], "note": None}]),
    Case("file", File, File.from_existing_remote(ONE), FileRef(uri=ONE)),
    Case("list-file", list[File], [File.from_existing_remote(ONE)], [FileRef(uri=ONE)]),
    Case("dict-file", dict[str, File], {"a": File.from_existing_remote(ONE)}, {"a": FileRef(uri=ONE)}),
    Case("optional-file", File | None, File.from_existing_remote(ONE), FileRef(uri=ONE)),
    same("optional-file-none", File | None, None),
    Case("dir", Dir, Dir.from_existing_remote(MANY), DirectoryRef(uri=MANY)),
    Case("list-dir", list[Dir], [Dir.from_existing_remote(MANY)], [DirectoryRef(uri=MANY)]),
    Case(
        "frame", DataFrame, DataFrame.from_existing_remote(MANY, format="parquet"), FrameRef(uri=MANY, format="parquet")
    ),
    Case("frame-csv", DataFrame, DataFrame.from_existing_remote(MANY, format="csv"), FrameRef(uri=MANY, format="csv")),
    Case(
        "list-frame",
        list[DataFrame],
        [DataFrame.from_existing_remote(MANY, format="parquet")],
        [FrameRef(uri=MANY, format="parquet")],
    ),
]
