"""Arbitrary Python types as a task would declare them, nested to depth 4, with values as each side has them.

No ``from __future__ import annotations`` here: the SDKs read the annotations of these classes at runtime.
"""

import datetime as dt
import enum
import functools
import itertools
import typing
from dataclasses import dataclass, field, is_dataclass, make_dataclass
from typing import Any

from flyteidl.core.identifier_pb2 import Identifier
from flytekit import StructuredDataset
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile
from golden2_cases import Keys, Pair
from google.protobuf import json_format
from hypothesis import strategies as st
from literal_strategies import FLOATS, INTS, JSONISH, MOMENTS, TEXT
from pydantic import BaseModel

from bridge_core.model.references import DirectoryRef, FileRef, FrameRef

DEPTH = 4


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Inner(BaseModel):
    n: int = 0


class Settings(BaseModel):
    name: str
    rate: float
    inner: Inner
    inners: list[Inner]
    counts: dict[str, int]
    note: typing.Optional[str] = None  # noqa: UP045 - as flytekit users write it


@dataclass(frozen=True)
class Values:
    """One value three times."""

    theirs: Any
    """As the task has it."""
    plain: Any
    """As we decode and encode it."""
    inside: Any = None
    """The same within a dataclass."""


@dataclass(frozen=True)
class Kind:
    """A Python type, and its values."""

    python: Any
    values: st.SearchStrategy[Values] = field(repr=False)
    union: bool = False
    fits_field: bool = True
    """Whether a dataclass may have it."""


def leaf(python: Any, values: st.SearchStrategy[Any], plain: Any = None, inside: Any = None, **more: Any) -> Kind:
    """A type without parts; the functions make the other forms of a value."""
    plain = plain or (lambda value: value)
    inside = inside or plain
    return Kind(python, values.map(lambda value: Values(value, plain(value), inside(value))), **more)


def either(*some: Kind) -> Kind:
    """A union of what tells itself apart. A dataclass tries its variants in order instead, so it has none of these."""
    python = functools.reduce(lambda a, b: typing.Union[a, b.python], some[1:], some[0].python)  # noqa: UP007
    return Kind(python, st.one_of([kind.values for kind in some]), union=True, fits_field=False)


URIS = st.text("abc/.", min_size=1, max_size=6).map(lambda text: "s3://b/x" + text.strip("/."))
SPANS = st.timedeltas(
    min_value=dt.timedelta(days=-9_000), max_value=dt.timedelta(days=9_000)
)  # exact as a float of seconds
SETTINGS = st.builds(
    Settings,
    name=TEXT,
    rate=st.floats(allow_nan=False, allow_infinity=False),
    inner=st.builds(Inner, n=INTS),
    inners=st.lists(st.builds(Inner, n=INTS), max_size=2),
    counts=st.dictionaries(TEXT, INTS, max_size=2),
    note=st.none() | TEXT,
)
MESSAGES = st.builds(Identifier, project=TEXT, name=TEXT, resource_type=st.integers(0, 3))

BOTH = [
    leaf(int, INTS),
    leaf(float, FLOATS),
    leaf(str, TEXT),
    leaf(bool, st.booleans()),
    leaf(dt.datetime, MOMENTS, inside=dt.datetime.isoformat),
    leaf(dt.timedelta, SPANS, inside=dt.timedelta.total_seconds),
    leaf(type(None), st.none(), fits_field=False),
    leaf(dict, st.dictionaries(TEXT, JSONISH, max_size=3)),
    leaf(Settings, SETTINGS, lambda value: value.model_dump(mode="json"), fits_field=False),
]
BOTH.append(either(*(kind for kind in BOTH if kind.python in (int, str, bool, dt.datetime, dt.timedelta))))
FLYTEKIT = [
    *BOTH,
    leaf(
        dt.date,
        st.dates(),
        lambda day: dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC),
        dt.date.isoformat,
    ),
    leaf(Color, st.sampled_from(Color), lambda member: member.value),
    leaf(typing.Literal["adam", "sgd"], st.sampled_from(["adam", "sgd"]), fits_field=False),
    leaf(Identifier, MESSAGES, json_format.MessageToDict, fits_field=False),
    leaf(FlyteFile, URIS.map(FlyteFile), lambda it: FileRef(uri=it.path), lambda it: {"path": it.path}),
    leaf(FlyteDirectory, URIS.map(FlyteDirectory), lambda it: DirectoryRef(uri=it.path), lambda it: {"path": it.path}),
    leaf(
        StructuredDataset,
        URIS.map(lambda uri: StructuredDataset(uri=uri, file_format="parquet")),
        lambda it: FrameRef(uri=it.uri),
        lambda it: {"uri": it.uri, "file_format": "parquet"},
    ),
]
FLYTE2 = [
    *BOTH,
    leaf(Color, st.sampled_from(Color), lambda member: member.name, lambda member: member.value),
    leaf(Pair, st.builds(Pair, INTS, TEXT), lambda pair: pair._asdict(), fits_field=False),
    leaf(Keys, st.builds(Keys, a=INTS, b=TEXT), fits_field=False),
]


@st.composite
def around(draw: st.DrawFn, inner: Kind, leaves: list[Kind]) -> Kind:
    """A type with this one in it, up to `DEPTH` levels deep; the other fields of a dataclass are any leaves."""
    for _ in range(draw(st.integers(0, DEPTH))):
        wraps = [list_of, dict_of, optional] + [record] * inner.fits_field
        wrap: Any = draw(st.sampled_from(wraps))
        others = draw(st.lists(st.sampled_from(leaves), max_size=2)) if wrap is record else ()
        inner = wrap(inner, *others)
    return inner


def list_of(inner: Kind) -> Kind:
    def together(items: list[Values]) -> Values:
        return Values([i.theirs for i in items], [i.plain for i in items], [i.inside for i in items])

    return Kind(list[inner.python], st.lists(inner.values, max_size=3).map(together), fits_field=inner.fits_field)


def dict_of(inner: Kind) -> Kind:
    def together(items: dict[str, Values]) -> Values:
        return Values(*({k: getattr(v, form) for k, v in items.items()} for form in ("theirs", "plain", "inside")))

    values = st.dictionaries(TEXT, inner.values, max_size=3).map(together)
    return Kind(dict[str, inner.python], values, fits_field=inner.fits_field)


def optional(inner: Kind) -> Kind:
    if inner.union or inner.python is type(None):  # unions of unions are flattened by Python
        return inner
    values = st.none().map(lambda nothing: Values(nothing, nothing, nothing)) | inner.values
    return Kind(typing.Optional[inner.python], values, union=True, fits_field=inner.fits_field)  # noqa: UP045


_NUMBERS = itertools.count()


def record(*kinds: Kind) -> Kind:
    """A dataclass of these types; of its own name, because the SDKs remember classes by theirs."""
    fields = [kind for kind in kinds if kind.fits_field]
    names = [f"f{number}" for number in range(len(fields))]
    made: Any = make_dataclass(
        f"Record{next(_NUMBERS)}", [(name, kind.python) for name, kind in zip(names, fields, strict=True)]
    )
    made.__module__ = __name__

    def together(items: tuple[Values, ...]) -> Values:
        inside = {name: item.inside for name, item in zip(names, items, strict=True)}
        return Values(made(*(item.theirs for item in items)), inside, inside)

    return Kind(made, st.tuples(*(kind.values for kind in fields)).map(together))


def comparable(value: Any) -> Any:
    """flytekit's files and frames, and what an SDK makes of a class, do not compare: their contents do."""
    name = type(value).__name__
    if name in ("FlyteFile", "FlyteDirectory", "_SpecificFormatClass"):
        return str(value.remote_source or value.path)
    if name == "StructuredDataset":
        return (value.uri or value.literal.uri, value.file_format)
    if is_dataclass(value):
        return {key: comparable(item) for key, item in vars(value).items() if not key.startswith("_")}
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return value._asdict()
    return [comparable(item) for item in value] if isinstance(value, list) else value
