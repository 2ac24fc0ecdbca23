"""A value as a piece of HTML, as Flyte's decks show one: frames as a table of their first rows, other things as text."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from ..model.references import DirectoryRef, FileRef, FrameRef
from .arrays import is_array
from .sdk_objects import is_frame
from .to_plain import jsonable

__all__ = ["to_html"]

_ROWS = 10  # of a frame
_LONGEST = 10_000  # characters of a text: HTML like this ends up in a database


def to_html(value: Any) -> str:
    """The piece of HTML; everything in it is escaped."""
    if is_frame(value):
        return _frame(value)
    if isinstance(value, (FileRef, DirectoryRef, FrameRef)):
        return _uri(value.uri)
    if is_array(value):
        return f"<p>array of {escape(str(value.dtype))}, shape {escape(str(tuple(value.shape)))}</p>"
    if isinstance(value, str):
        return f"<pre>{escape(_shortened(value))}</pre>"
    try:
        text = json.dumps(jsonable(value), indent=2, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = str(value)
    return f"<pre>{escape(_shortened(text))}</pre>"


def _uri(uri: str) -> str:
    text = escape(uri)
    return f'<a href="{text}">{text}</a>' if uri.lower().startswith(("http://", "https://")) else f"<code>{text}</code>"


def _frame(frame: Any) -> str:
    names, rows, count = _head(frame)
    head = "".join(f"<th>{escape(str(name))}</th>" for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(_shortened(str(cell)))}</td>" for cell in row) + "</tr>" for row in rows
    )
    shown = f"the first {len(rows)} of {count} rows" if count != len(rows) else f"{count} rows"
    return f"<table><caption>{shown}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _head(frame: Any) -> tuple[list[Any], list[Any], int]:
    """Names of columns, the first rows, and how many rows there are."""
    if hasattr(frame, "collect"):  # a lazy frame of polars
        frame = frame.collect()
    if hasattr(frame, "column_names"):  # pyarrow
        columns = [column.to_pylist() for column in frame.slice(0, _ROWS).columns]
        return list(frame.column_names), list(zip(*columns, strict=True)), int(frame.num_rows)
    top = frame.head(_ROWS)
    rows = top.rows() if hasattr(top, "rows") else list(top.itertuples(index=False, name=None))
    return list(frame.columns), rows, len(frame)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
