"""Arbitrary values of arbitrary types, nested to depth 4, made without an SDK; `sdk_strategies` has theirs."""

from __future__ import annotations

import datetime as dt
from typing import Any

from hypothesis import strategies as st
from literal_support import Types

from bridge_core.model.references import DirectoryRef, FileRef, FrameRef

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
LEAVES: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (T.INT, INTS),
    (T.FLOAT, FLOATS),
    (T.STR, TEXT),
    (T.BOOL, st.booleans()),
    (T.DATETIME, MOMENTS),
    (T.DURATION, SPANS),
    (T.struct({}), st.dictionaries(TEXT, JSONISH, max_size=4)),
]
REFERENCES: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (T.BINARY, st.binary(max_size=8)),
    (T.FILE, URIS.map(lambda uri: FileRef(uri=uri))),
    (T.DIRECTORY, URIS.map(lambda uri: DirectoryRef(uri=uri))),
    (T.FRAME, URIS.map(lambda uri: FrameRef(uri=uri))),
    (T.enum("a", "b"), st.sampled_from(["a", "b"])),
]


def typed(leaves: list[tuple[Any, st.SearchStrategy[Any]]]) -> st.SearchStrategy[Any]:
    """Strategies of (type, strategy of values)."""

    def wrap(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        def optional(item: Any) -> Any:
            kind, values = item
            if kind.WhichOneof("type") == "union_type":  # unions of unions are flattened by Python
                return item
            return T.union(**{tag_of(kind): kind, "none": T.NONE}), st.none() | values

        return st.one_of(
            inner.map(lambda i: (T.list(i[0]), st.lists(i[1], max_size=4))),
            inner.map(lambda i: (T.map(i[0]), st.dictionaries(TEXT, i[1], max_size=4))),
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
