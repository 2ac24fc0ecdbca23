"""Every case of the golden bytes: the Python type and value that flytekit sees, and the plain value that we decode.

No ``from __future__ import annotations`` here: flytekit reads the annotations of these dataclasses at runtime.
"""

import datetime as dt
import enum
import typing
from dataclasses import dataclass, field

import pandas as pd
from flytekit import StructuredDataset
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile
from flytekit.types.schema import FlyteSchema
from pydantic import BaseModel, Field

from bridge_core.model.references import DirectoryRef, FileRef, FrameRef

UTC = dt.UTC


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Layer:
    width: int
    name: str = "dense"


@dataclass
class Model:
    layers: typing.List[Layer]  # noqa: UP006 - as flytekit users write it
    rate: float
    seed: typing.Optional[int] = None  # noqa: UP045
    color: Color = Color.RED
    made: dt.datetime = field(default_factory=lambda: dt.datetime(2024, 2, 29, 12, 30, tzinfo=UTC))
    patience: dt.timedelta = dt.timedelta(minutes=1.5)
    tags: dict[str, int] = field(default_factory=dict)
    best: Layer | None = None
    anything: dict = field(default_factory=dict)


@dataclass
class Tree:
    value: int
    left: typing.Optional["Tree"] = None


@dataclass
class Paths:
    weights: FlyteFile
    shards: FlyteDirectory
    table: StructuredDataset


class Inner(BaseModel):
    n: int = 0


class Settings(BaseModel):
    name: str
    rate: float = 1.0
    inner: Inner = Inner()
    inners: list[Inner] = []
    note: typing.Optional[str] = None  # noqa: UP045
    since: dt.datetime = dt.datetime(2024, 1, 1, tzinfo=UTC)
    every: dt.timedelta = dt.timedelta(seconds=90.5)


class LayerModel(BaseModel):
    width: int
    name: str = "dense"


class ModelModel(BaseModel):
    """The pydantic twin of `Model`."""

    layers: typing.List[LayerModel]  # noqa: UP006
    rate: float
    seed: typing.Optional[int] = None  # noqa: UP045
    color: Color = Color.RED
    made: dt.datetime = dt.datetime(2024, 2, 29, 12, 30, tzinfo=UTC)
    patience: dt.timedelta = dt.timedelta(minutes=1.5)
    tags: dict[str, int] = {}
    best: LayerModel | None = None
    anything: dict = {}


# Tree has no twin: flytekit describes a recursive model without end, until Python's recursion limit.
class PathsModel(BaseModel):
    weights: FlyteFile
    shards: FlyteDirectory
    table: StructuredDataset


CsvFile, BinFolder = FlyteFile["csv"], FlyteDirectory["bin"]  # one class each: every subscript makes another


@dataclass
class Box:
    file: FlyteFile
    other: typing.Optional[FlyteFile] = None  # noqa: UP045


@dataclass
class Places:
    """A file, a directory and a frame in every position a dataclass has for them."""

    csv: CsvFile
    folder: BinFolder
    maybe: typing.Optional[FlyteFile]  # noqa: UP045
    none: typing.Optional[FlyteDirectory]  # noqa: UP045
    files: list[FlyteFile]
    frames: list[StructuredDataset]
    by_name: dict[str, FlyteDirectory]
    deep: dict[str, list[FlyteFile]]
    box: Box
    boxes: list[Box]
    named: dict[str, Box]
    either: typing.Union[FlyteFile, int]  # noqa: UP007
    rate: float = 0.5


class BoxModel(BaseModel):
    file: FlyteFile
    other: typing.Optional[FlyteFile] = None  # noqa: UP045


class PlacesModel(BaseModel):
    """The pydantic twin of `Places`."""

    csv: CsvFile
    folder: BinFolder
    maybe: typing.Optional[FlyteFile]  # noqa: UP045
    none: typing.Optional[FlyteDirectory]  # noqa: UP045
    files: list[FlyteFile]
    frames: list[StructuredDataset]
    by_name: dict[str, FlyteDirectory]
    deep: dict[str, list[FlyteFile]]
    box: BoxModel
    boxes: list[BoxModel]
    named: dict[str, BoxModel]
    either: typing.Union[FlyteFile, int]  # noqa: UP007
    rate: float = 0.5


class InnerAlias(BaseModel):
    model_config = {"populate_by_name": True}
    batch_size: int = Field(alias="batchSize")


class Aliased(BaseModel):
    """Names and aliases: flytekit writes the ones and puts the others into the schema."""

    model_config = {"populate_by_name": True}
    learning_rate: float = Field(alias="learningRate")
    weights: FlyteFile = Field(alias="modelWeights")
    inner: InnerAlias = Field(alias="nested")
    every: dt.timedelta = Field(default=dt.timedelta(days=400, weeks=2), alias="interval")
    inners: list[InnerAlias] = []


@dataclass
class Case:
    """One golden case.

    Attributes:
        name: File name of the fixture.
        kind: The type as a flytekit task would declare it.
        value: What flytekit encodes, and what it must decode from our bytes.
        plain: What we decode, and what we must encode to the same bytes.
        old: Written with ``FLYTE_USE_OLD_DC_FORMAT=true``, as SDKs before 1.14 do: protobuf Struct instead of msgpack.
    """

    name: str
    kind: typing.Any
    value: typing.Any
    plain: typing.Any
    old: bool = False


MODEL = Model(
    [Layer(3), Layer(5, "conv")], 0.5, 7, Color.BLUE, tags={"a": 1}, best=Layer(9), anything={"k": [1, 2.5, None, "x"]}
)
MODEL_PLAIN = {
    "layers": [{"width": 3, "name": "dense"}, {"width": 5, "name": "conv"}],
    "rate": 0.5,
    "seed": 7,
    "color": "blue",
    "made": "2024-02-29T12:30:00+00:00",
    "patience": 90.0,
    "tags": {"a": 1},
    "best": {"width": 9, "name": "dense"},
    "anything": {"k": [1, 2.5, None, "x"]},
}
SPARSE = Model([], 1.0)
SPARSE_PLAIN = {
    **MODEL_PLAIN,
    "layers": [],
    "rate": 1.0,
    "seed": None,
    "color": "red",
    "tags": {},
    "best": None,
    "anything": {},
}
SETTINGS = Settings(name="a", inners=[Inner(n=2)])
SETTINGS_PLAIN = {
    "name": "a",
    "rate": 1.0,
    "inner": {"n": 0},
    "inners": [{"n": 2}],
    "note": None,
    "since": "2024-01-01T00:00:00Z",
    "every": "PT1M30.5S",
}
MODEL_TWIN = ModelModel(
    layers=[LayerModel(width=3), LayerModel(width=5, name="conv")], rate=0.5, seed=7, color=Color.BLUE, tags={"a": 1},
    best=LayerModel(width=9), anything={"k": [1, 2.5, None, "x"]},
)  # fmt: skip
TWIN_PLAIN = {"made": "2024-02-29T12:30:00Z", "patience": "PT1M30S"}


def file(name: str) -> FlyteFile:
    return FlyteFile(f"s3://b/{name}")


def places(kind: typing.Any, box: typing.Any) -> typing.Any:
    return kind(
        csv=CsvFile("s3://b/a.csv"), folder=BinFolder("s3://b/folder"), maybe=file("maybe"), none=None,
        files=[file("1"), file("2")], frames=[StructuredDataset(uri="s3://b/t", file_format="parquet")],
        by_name={"x": FlyteDirectory("s3://b/x")}, deep={"y": [file("y")], "z": []}, box=box(file=file("box"), other=file("o")),
        boxes=[box(file=file("3")), box(file=file("4"), other=None)], named={"n": box(file=file("n"))}, either=file("e"),
    )  # fmt: skip


PLACES_PLAIN = {
    "csv": {"path": "s3://b/a.csv"},
    "folder": {"path": "s3://b/folder"},
    "maybe": {"path": "s3://b/maybe"},
    "none": None,
    "files": [{"path": "s3://b/1"}, {"path": "s3://b/2"}],
    "frames": [{"uri": "s3://b/t", "file_format": "parquet"}],
    "by_name": {"x": {"path": "s3://b/x"}},
    "deep": {"y": [{"path": "s3://b/y"}], "z": []},
    "box": {"file": {"path": "s3://b/box"}, "other": {"path": "s3://b/o"}},
    "boxes": [{"file": {"path": "s3://b/3"}, "other": None}, {"file": {"path": "s3://b/4"}, "other": None}],
    "named": {"n": {"file": {"path": "s3://b/n"}, "other": None}},
    "either": {"path": "s3://b/e"},
    "rate": 0.5,
}
ALIASED = Aliased(
    learning_rate=0.5, weights=file("w"), inner=InnerAlias(batch_size=3), inners=[InnerAlias(batch_size=4)]
)
ALIASED_PLAIN = {
    "learning_rate": 0.5,
    "weights": {"path": "s3://b/w"},
    "inner": {"batch_size": 3},
    "every": "P1Y49D",
    "inners": [{"batch_size": 4}],
}
MOMENT = dt.datetime(2024, 2, 29, 23, 59, 59, 123456, tzinfo=UTC)
EPOCH = dt.datetime(1970, 1, 1, tzinfo=UTC)
BEFORE = dt.datetime(1950, 6, 1, 1, 2, 3, 4, tzinfo=UTC)


def same(name: str, kind: typing.Any, value: typing.Any) -> Case:
    """A case whose value is plain already."""
    return Case(name, kind, value, value)


CASES = [
    same("int", int, 42),
    same("int-zero", int, 0),
    same("int-min", int, -(2**63)),
    same("int-max", int, 2**63 - 1),
    same("float", float, 2.5),
    same("float-whole", float, 3.0),
    same("float-zero", float, 0.0),
    same("float-inf", float, float("-inf")),
    same("str", str, "grüße ☃"),
    same("str-empty", str, ""),
    same("bool-true", bool, True),
    same("bool-false", bool, False),
    same("datetime", dt.datetime, MOMENT),
    same("datetime-epoch", dt.datetime, EPOCH),
    same("datetime-before-epoch", dt.datetime, BEFORE),
    Case("datetime-naive", dt.datetime, dt.datetime(2024, 1, 1, 5), dt.datetime(2024, 1, 1, 5, tzinfo=UTC)),  # noqa: DTZ001 - naive is the case
    Case("date", dt.date, dt.date(2024, 2, 29), dt.datetime(2024, 2, 29, tzinfo=UTC)),
    same("timedelta", dt.timedelta, dt.timedelta(days=2, microseconds=7)),
    same("timedelta-zero", dt.timedelta, dt.timedelta(0)),
    same("timedelta-negative", dt.timedelta, dt.timedelta(seconds=-1.5)),
    same("none", type(None), None),
    same("optional-int", typing.Optional[int], 5),  # noqa: UP045
    same("optional-int-none", typing.Optional[int], None),  # noqa: UP045
    same("union-int-str-float", typing.Union[int, str, float], 2.0),  # noqa: UP007
    same("union-str", typing.Union[int, str, float], "2"),  # noqa: UP007
    same("union-list-or-str", typing.Union[list[int], str], [1, 2]),  # noqa: UP007
    Case("union-dataclass", typing.Union[Layer, Color, None], Layer(1), {"width": 1, "name": "dense"}),  # noqa: UP007
    Case("optional-dataclass", typing.Optional[Layer], Layer(1), {"width": 1, "name": "dense"}),  # noqa: UP045
    same("optional-list", typing.Optional[list[int]], [1, 2]),  # noqa: UP045
    same("literal", typing.Literal["adam", "sgd"], "sgd"),
    Case("enum", Color, Color.BLUE, "blue"),
    Case("list-enum", list[Color], [Color.BLUE, Color.RED], ["blue", "red"]),
    same("list-int", list[int], [3, 0, -1, 2**40]),
    same("list-empty", list[int], []),
    same("list-str", list[str], ["", "a"]),
    same("list-bool", list[bool], [False, True, False]),
    same("list-float", list[float], [0.0, 1.5]),
    same("list-optional", list[typing.Optional[int]], [1, None, 0]),  # noqa: UP045
    same("list-datetime", list[dt.datetime], [MOMENT, EPOCH]),
    same("list-list", list[list[int]], [[1], [], [2, 3]]),
    same("list-dict-list", list[dict[str, list[str]]], [{"a": ["x"], "b": []}, {}]),
    same("dict-int", dict[str, int], {"b": 1, "a": 0}),
    same("dict-empty", dict[str, int], {}),
    same("dict-dict", dict[str, dict[str, float]], {"a": {"x": 1.5}, "b": {}}),
    same("dict-union", dict[str, typing.Union[int, str]], {"a": 1, "b": "x"}),  # noqa: UP007
    same("dict-untyped", dict, {"b": [1, 2.0, None, True, {"c": "d"}], "a": 2**60}),
    same("dict-untyped-empty", dict, {}),
    same("dict-int-keys", dict[int, str], {1: "a", 2: "b"}),
    Case("dataclass", Model, MODEL, MODEL_PLAIN),
    Case("dataclass-sparse", Model, SPARSE, SPARSE_PLAIN),
    Case("dataclass-recursive", Tree, Tree(1, Tree(2)), {"value": 1, "left": {"value": 2, "left": None}}),
    Case("list-dataclass", list[Layer], [Layer(1), Layer(2)], [{"width": w, "name": "dense"} for w in (1, 2)]),
    Case("dict-dataclass", dict[str, Layer], {"a": Layer(1)}, {"a": {"width": 1, "name": "dense"}}),
    Case(
        "dataclass-references",
        Paths,
        Paths(
            FlyteFile("s3://b/w.bin"),
            FlyteDirectory("s3://b/shards"),
            StructuredDataset(uri="s3://b/t", file_format="parquet"),
        ),
        {
            "weights": {"path": "s3://b/w.bin"},
            "shards": {"path": "s3://b/shards"},
            "table": {"uri": "s3://b/t", "file_format": "parquet"},
        },
    ),
    Case("pydantic", Settings, SETTINGS, SETTINGS_PLAIN),
    Case("twin-dataclass", ModelModel, MODEL_TWIN, {**MODEL_PLAIN, **TWIN_PLAIN}),
    Case("twin-dataclass-sparse", ModelModel, ModelModel(layers=[], rate=1.0), {**SPARSE_PLAIN, **TWIN_PLAIN}),
    Case(
        "twin-list-dataclass",
        list[LayerModel],
        [LayerModel(width=1), LayerModel(width=2)],
        [{"width": w, "name": "dense"} for w in (1, 2)],
    ),
    Case(
        "twin-dict-dataclass", dict[str, LayerModel], {"a": LayerModel(width=1)}, {"a": {"width": 1, "name": "dense"}}
    ),
    Case(
        "twin-union-dataclass",
        typing.Union[LayerModel, Color, None],  # noqa: UP007
        LayerModel(width=1),
        {"width": 1, "name": "dense"},
    ),
    Case(
        "twin-optional-dataclass",
        typing.Optional[LayerModel],  # noqa: UP045
        LayerModel(width=1),
        {"width": 1, "name": "dense"},
    ),
    Case(
        "twin-dataclass-references",
        PathsModel,
        PathsModel(
            weights=file("w.bin"),
            shards=FlyteDirectory("s3://b/shards"),
            table=StructuredDataset(uri="s3://b/t", file_format="parquet"),
        ),
        {
            "weights": {"path": "s3://b/w.bin"},
            "shards": {"path": "s3://b/shards"},
            "table": {"uri": "s3://b/t", "file_format": "parquet"},
        },
    ),
    Case("places-references", Places, places(Places, Box), PLACES_PLAIN),
    Case("twin-places-references", PlacesModel, places(PlacesModel, BoxModel), PLACES_PLAIN),
    Case("pydantic-aliased-references", Aliased, ALIASED, ALIASED_PLAIN),
    Case("old-dataclass", Model, MODEL, {**MODEL_PLAIN, "anything": {"k": [1.0, 2.5, None, "x"]}}, old=True),
    Case("old-dataclass-sparse", Model, SPARSE, SPARSE_PLAIN, old=True),
    Case("old-list-dataclass", list[Layer], [Layer(1)], [{"width": 1, "name": "dense"}], old=True),
    Case(
        "old-twin-dataclass",
        ModelModel,
        MODEL_TWIN,
        {**MODEL_PLAIN, **TWIN_PLAIN, "anything": {"k": [1.0, 2.5, None, "x"]}},
        old=True,
    ),
    Case("old-twin-list-dataclass", list[LayerModel], [LayerModel(width=1)], [{"width": 1, "name": "dense"}], old=True),
    Case("old-dict-untyped", dict, {"a": "x", "b": [1.5, None]}, {"a": "x", "b": [1.5, None]}, old=True),
    Case("old-pydantic", Settings, SETTINGS, SETTINGS_PLAIN, old=True),
    Case("file", FlyteFile, FlyteFile("s3://bucket/a.txt"), FileRef(uri="s3://bucket/a.txt")),
    Case("file-csv", FlyteFile["csv"], FlyteFile["csv"]("s3://b/a.csv"), FileRef(uri="s3://b/a.csv", format="csv")),
    Case("list-file", list[FlyteFile], [FlyteFile("gs://b/1")], [FileRef(uri="gs://b/1")]),
    Case("optional-file", typing.Optional[FlyteFile], FlyteFile("gs://b/1"), FileRef(uri="gs://b/1")),  # noqa: UP045
    Case("directory", FlyteDirectory, FlyteDirectory("s3://b/dir"), DirectoryRef(uri="s3://b/dir")),
    Case(
        "frame", StructuredDataset, StructuredDataset(uri="s3://b/t", file_format="parquet"), FrameRef(uri="s3://b/t")
    ),
    Case(
        "frame-pandas", pd.DataFrame, StructuredDataset(uri="s3://b/t", file_format="parquet"), FrameRef(uri="s3://b/t")
    ),
    Case(
        "frame-columns",
        typing.Annotated[StructuredDataset, {"a": int, "b": str}],
        StructuredDataset(uri="s3://b/t", file_format="parquet"),
        FrameRef(uri="s3://b/t", schema=(("a", "integer"), ("b", "string"))),
    ),
    Case(
        "frame-csv",
        typing.Annotated[StructuredDataset, "csv"],
        StructuredDataset(uri="s3://b/t", file_format="csv"),
        FrameRef(uri="s3://b/t", format="csv"),
    ),
    Case("schema", FlyteSchema, FlyteSchema(remote_path="s3://b/t"), FrameRef(uri="s3://b/t")),
]
