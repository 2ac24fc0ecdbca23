"""A value's hash and its HTML."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from literal_support import Types

from bridge_core import FileRef, FrameRef, Hashed, LiteralError
from bridge_core.literals import Codec

T = Types


@dataclass
class Point:
    x: int
    y: int


def test_equal_values_have_one_hash_and_others_another(codec: Codec) -> None:
    same = [{"a": 1, "b": [1, 2]}, {"b": [1, 2], "a": 1}, {"b": (1, 2), "a": 1}]
    assert len({codec.hash(value) for value in same}) == 1
    others = [
        {"a": 1},
        {"a": 1.0},
        {"a": True},
        {"a": "1"},
        [1],
        1,
        None,
        "",
        b"",
        Point(1, 2),
        Point(2, 1),
        FileRef(uri="s3://x"),
    ]
    assert len({codec.hash(value) for value in others}) == len(others)
    assert codec.hash(Point(1, 2)) == codec.hash({"x": 1, "y": 2})
    assert codec.hash(3, T.FLOAT) == codec.hash(3.0, T.FLOAT)
    assert codec.hash(3, T.INT) != codec.hash(3.0, T.FLOAT)
    assert codec.hash(b"abc", T.FILE) == codec.hash(bytearray(b"abc"), T.FILE) != codec.hash(b"abd", T.FILE)


def test_a_hash_is_the_same_in_another_process(codec: Codec) -> None:
    program = "from bridge_core import Codec; print(Codec.default().hash({'s': {'a', 'b', 'c'}, 'n': 1}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == codec.hash({"n": 1, "s": {"c", "b", "a"}})


def test_the_hash_of_ones_own_wins_and_can_be_sent(codec: Codec) -> None:
    assert codec.hash(Hashed(3, "v7")) == "v7"
    assert codec.hash(Hashed(3)) == codec.hash(3)
    made = codec.hash({"a": 1})
    assert codec.encode(Hashed({"a": 1}, made), T.STRUCT).literal.hash == made


def test_what_has_no_hash_is_refused_by_name(codec: Codec, tmp_path: Any) -> None:
    with pytest.raises(LiteralError, match=r"value: files and frames of this machine have no hash"):
        codec.hash(tmp_path / "a.txt", T.FILE)
    with pytest.raises(LiteralError, match="no hash before they are uploaded"):
        codec.hash(pd.DataFrame({"a": [1]}), T.FRAME)
    with pytest.raises(LiteralError, match="expected integer"):
        codec.hash("x", T.INT)
    with pytest.raises(LiteralError, match="expected plain data"):
        codec.hash(object())


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"a": range(12), "<b>": ["<script>"] * 12}),
        pl.DataFrame({"a": range(12), "<b>": ["<script>"] * 12}),
        pl.LazyFrame({"a": range(12), "<b>": ["<script>"] * 12}),
        pa.table({"a": list(range(12)), "<b>": ["<script>"] * 12}),
    ],
    ids=["pandas", "polars", "polars lazy", "pyarrow"],
)
def test_frames_are_a_table_of_their_first_rows(frame: Any, codec: Codec) -> None:
    html = codec.to_html(frame)
    assert html.startswith("<table><caption>the first 10 of 12 rows</caption>")
    assert html.count("<tr>") == 11
    assert "<th>&lt;b&gt;</th>" in html
    assert "<script>" not in html


@pytest.mark.parametrize(
    ("value", "html"),
    [
        ("<b>", "<pre>&lt;b&gt;</pre>"),
        ({"k": "<"}, "<pre>{\n  &quot;k&quot;: &quot;&lt;&quot;\n}</pre>"),
        (Point(1, 2), "<pre>{\n  &quot;x&quot;: 1,\n  &quot;y&quot;: 2\n}</pre>"),
        (None, "<pre>null</pre>"),
        (FileRef(uri="https://h/x?a&b"), '<a href="https://h/x?a&amp;b">https://h/x?a&amp;b</a>'),
        (FrameRef(uri="s3://b/<t>"), "<code>s3://b/&lt;t&gt;</code>"),
        (FileRef(uri="javascript:alert(1)"), "<code>javascript:alert(1)</code>"),
        (np.zeros((2, 3)), "<p>array of float64, shape (2, 3)</p>"),
        (Hashed(1, "h"), "<pre>1</pre>"),
        (float("nan"), "<pre>nan</pre>"),
        ({1, 2}, "<pre>[\n  1,\n  2\n]</pre>"),
        (b"\x00", "<pre>&quot;AA==&quot;</pre>"),
    ],
)
def test_other_values_are_escaped_text(value: Any, html: str, codec: Codec) -> None:
    assert codec.to_html(value) == html


def test_texts_that_are_too_long_for_a_page_are_cut(codec: Codec) -> None:
    assert len(codec.to_html("x" * 10**6)) < 10_100


def test_classes_of_ones_own_go_through_their_codec() -> None:
    codec = Codec.default().with_type(
        complex, to_literal=lambda z: {"re": z.real}, from_literal=lambda d: complex(d["re"])
    )
    assert codec.to_html(1j) == "<pre>{\n  &quot;re&quot;: 0.0\n}</pre>"
    assert codec.hash(1j) == codec.hash({"re": 0.0})
    assert complex in codec.types
    assert complex not in Codec.default().types
