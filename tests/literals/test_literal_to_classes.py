"""Plain values into the caller's own classes."""

import datetime as dt
import decimal
import enum
import typing
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from golden_cases import MODEL, SETTINGS, SPARSE, Color, Layer, Model, Settings, Tree

from bridge_core.literals import as_type
from bridge_core.model.errors import LiteralError
from bridge_core.model.references import DirectoryRef, FileRef, FrameRef

UTC = dt.UTC


@dataclass
class Odds:
    when: dt.datetime
    day: dt.date
    clock: dt.time
    span: dt.timedelta
    id: uuid.UUID
    price: decimal.Decimal
    place: Path
    pair: tuple[int, str]
    many: tuple[int, ...]
    kinds: set[str]
    mode: typing.Literal["a", "b"]
    choice: int | str
    names: dict[int, str]
    file: FileRef
    folder: DirectoryRef
    table: FrameRef
    anything: typing.Any
    note: typing.Annotated[str, "documented"] = "x"
    later: int = field(init=False, default=3)


@dataclass
class Picky:
    n: int

    def __post_init__(self) -> None:
        if self.n < 0:
            raise ValueError("n must not be negative")


class Size(enum.IntEnum):
    SMALL = 1


def test_a_decoded_dataclass_becomes_one_again(codec: object) -> None:
    from literal_support import GOLDENS

    goldens = {golden.name: golden for golden in GOLDENS}
    for name, kind, value in (
        ("dataclass", Model, MODEL),
        ("dataclass-sparse", Model, SPARSE),
        ("old-dataclass", Model, MODEL),
        ("pydantic", Settings, SETTINGS),
        ("old-pydantic", Settings, SETTINGS),
        ("dataclass-recursive", Tree, Tree(1, Tree(2))),
        ("list-dataclass", list[Layer], [Layer(1), Layer(2)]),
        ("dict-dataclass", dict[str, Layer], {"a": Layer(1)}),
        ("enum", Color, Color.BLUE),
        ("list-enum", list[Color], [Color.BLUE, Color.RED]),
        ("optional-dataclass", typing.Optional[Layer], Layer(1)),  # noqa: UP045
        ("date", dt.date, dt.date(2024, 2, 29)),
        ("dict-int-keys", dict[int, str], {1: "a", 2: "b"}),
    ):
        decoded = codec.decode(goldens[name].literal, goldens[name].type)  # type: ignore[attr-defined]
        assert as_type(decoded, kind) == value, name


def test_every_kind_of_field() -> None:
    plain = {
        "when": "2024-01-01T00:00:00Z",
        "day": "2024-01-01",
        "clock": "01:02:03",
        "span": "PT1M",
        "id": str(uuid.UUID(int=1)),
        "price": "0.10",
        "place": "/a",
        "pair": [1, "x"],
        "many": [1, 2],
        "kinds": ["a"],
        "mode": "b",
        "choice": "x",
        "names": {"1": "a"},
        "file": {"path": "s3://f"},
        "folder": DirectoryRef(uri="s3://d"),
        "table": {"uri": "s3://t", "file_format": "csv"},
        "anything": [1],
    }
    made = as_type(plain, Odds)
    assert made.when == dt.datetime(2024, 1, 1, tzinfo=UTC)
    assert (made.day, made.clock, made.span) == (dt.date(2024, 1, 1), dt.time(1, 2, 3), dt.timedelta(minutes=1))
    assert (made.id, made.price, made.place) == (uuid.UUID(int=1), decimal.Decimal("0.10"), Path("/a"))
    assert (made.pair, made.many, made.kinds, made.choice, made.names) == ((1, "x"), (1, 2), {"a"}, "x", {1: "a"})
    assert made.file == FileRef(uri="s3://f")
    assert made.table == FrameRef(uri="s3://t", format="csv")


@pytest.mark.parametrize(
    ("value", "kind", "wanted"),
    [
        (3, float, 3.0),
        (3.0, int, 3),
        ([1], list, [1]),
        ([1, 2], list[float], [1.0, 2.0]),
        (None, int | None, None),
        (90, dt.timedelta, dt.timedelta(seconds=90)),
        ("1h", dt.timedelta, dt.timedelta(hours=1)),
        (1, Size, Size.SMALL),
        ({"a": 1}, dict, {"a": 1}),
        ({"width": 1}, Layer | str, Layer(1)),
        ("x", Layer | str, "x"),
        (1, int | float, 1),
        (True, bool, True),
    ],
)
def test_simple_shapes(value: typing.Any, kind: typing.Any, wanted: typing.Any) -> None:
    made = as_type(value, kind)
    assert made == wanted
    assert type(made) is type(wanted)


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (
            {"layers": [{"width": 1}, {"width": "x"}], "rate": 1.0},
            Model,
            "value.layers[1].width: expected int, got 'x' (str)",
        ),
        ({"layers": []}, Model, "value.rate: missing field of Model"),
        ({"layers": [], "rat": 1.0}, Model, "value.rat: unknown field of Model; did you mean 'rate'?"),
        ([], Model, "value: expected dataclass Model, got [] (list)"),
        ({"name": 3}, Settings, "value: Settings refuses it: "),
        ("green", Color, "value: expected one of 'red', 'blue', got 'green' (str)"),
        (True, int, "value: expected int, got True (bool)"),
        (1.5, int, "value: expected int, got 1.5 (float)"),
        ("x", float, "value: expected float"),
        ("x", dt.datetime, "value: expected datetime"),
        ("x", dt.timedelta, "value: expected duration"),
        (1e300, dt.timedelta, "value: expected duration"),
        (3, dt.time, "value: expected time"),
        ([1], tuple[int, int], "value: expected 2 elements, got 1"),
        ("ab", list[str], "value: expected list, got 'ab' (str)"),
        ({"a": "x"}, dict[str, int], "value.a: expected int"),
        ("c", typing.Literal["a", "b"], "value: expected one of 'a', 'b', got 'c' (str)"),
        (1.5, Layer | str, "value: fits no variant: expected dataclass Layer"),
        ({"n": -1}, Picky, "value: Picky refuses it: n must not be negative"),
        ("x", uuid.UUID, "value: expected UUID, got 'x'"),
        ("x", decimal.Decimal, "value: expected Decimal, got 'x'"),
        (3, FileRef, "value: expected FileRef, got 3 (int)"),
        (3, str, "value: expected str, got 3 (int)"),
    ],
)
def test_other_shapes_are_refused(value: typing.Any, kind: typing.Any, message: str) -> None:
    with pytest.raises(LiteralError) as caught:
        as_type(value, kind)
    assert str(caught.value).startswith(message)


def test_a_shape_that_never_ends_is_refused() -> None:
    deep: dict[str, typing.Any] = {"value": 1}
    for _ in range(500):
        deep = {"value": 1, "left": deep}
    with pytest.raises(LiteralError, match="nested deeper than 100"):
        as_type(deep, Tree)
