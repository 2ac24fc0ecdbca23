"""Arbitrary values of arbitrary types, nested to depth 4: for the property tests against each SDK."""

from __future__ import annotations

import datetime as dt
import typing
from typing import Any

from hypothesis import strategies as st
from literal_support import Types

from bridge_core.references import DirectoryRef, FileRef, FrameRef

T = Types

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
INTS = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(allow_nan=False)
MOMENTS = st.datetimes(min_value=dt.datetime(1, 1, 2), max_value=dt.datetime(9999, 12, 30), timezones=st.just(dt.UTC))  # noqa: DTZ001
SPANS = st.timedeltas(min_value=dt.timedelta(days=-100_000), max_value=dt.timedelta(days=100_000))
JSONISH = st.recursive(
    st.none() | st.booleans() | INTS | FLOATS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
URIS = st.just("s3://b/") .flatmap(lambda start: TEXT.map(lambda name: start + name))  # fmt: skip

DEPTH = 4
LEAVES: list[tuple[Any, Any, st.SearchStrategy[Any]]] = [
    # our type, flytekit's type, values
    (T.INT, int, INTS),
    (T.FLOAT, float, FLOATS),
    (T.STR, str, TEXT),
    (T.BOOL, bool, st.booleans()),
    (T.DATETIME, dt.datetime, MOMENTS),
    (T.DURATION, dt.timedelta, SPANS),
    (T.struct({}), dict, st.dictionaries(TEXT, JSONISH, max_size=4)),
]
REFERENCES: list[tuple[Any, Any, st.SearchStrategy[Any]]] = [
    (T.BINARY, None, st.binary(max_size=8)),
    (T.FILE, None, URIS.map(lambda uri: FileRef(uri=uri))),
    (T.DIRECTORY, None, URIS.map(lambda uri: DirectoryRef(uri=uri))),
    (T.FRAME, None, URIS.map(lambda uri: FrameRef(uri=uri))),
    (T.enum("a", "b"), None, st.sampled_from(["a", "b"])),
]
TAGS = {int: "int", float: "float", str: "str", bool: "bool", dt.datetime: "datetime", dt.timedelta: "timedelta"}


def typed(leaves: list[tuple[Any, Any, st.SearchStrategy[Any]]]) -> st.SearchStrategy[Any]:
    """Strategies of (our type, flytekit's type, strategy of values)."""

    def wrap(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        def optional(item: Any) -> Any:
            ours, theirs, values = item
            if ours.WhichOneof("type") == "union_type":  # flytekit flattens unions of unions
                return item
            kind = T.union(**{TAGS.get(theirs, tag_of(ours)): ours, "none": T.NONE})
            return kind, typing.Optional[theirs] if theirs else None, st.none() | values  # noqa: UP045

        return st.one_of(
            inner.map(lambda i: (T.list(i[0]), list[i[1]] if i[1] else None, st.lists(i[2], max_size=4))),
            inner.map(
                lambda i: (T.map(i[0]), dict[str, i[1]] if i[1] else None, st.dictionaries(TEXT, i[2], max_size=4))
            ),
            inner.map(optional),
        )

    out: st.SearchStrategy[Any] = st.sampled_from(leaves)
    for _ in range(DEPTH):
        out = out | wrap(out)
    return out


def tag_of(kind: Any) -> str:
    return {"collection_type": "Typed List", "map_value_type": "Typed Dict"}.get(kind.WhichOneof("type"), "Typed Dict")


def canonical(value: Any) -> str:
    """Text of a value that does not depend on the order of keys."""
    if isinstance(value, dict):
        return "{" + ",".join(sorted(f"{key!r}:{canonical(item)}" for key, item in value.items())) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, dt.datetime):
        return value.isoformat()  # hypothesis also draws fold=1, which means nothing in UTC
    return repr(value)
