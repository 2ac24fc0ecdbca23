"""What tasks printed: the end of a log on a page, and the rest of it as text that the script asks for."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Any

from .html import Markup, joined, link, tag
from .show import phase as badge
from .urls import log_path

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["log_box", "read_log"]

_ON_A_PAGE = 60_000
_AT_ONCE = 1 << 20


def read_log(path: Path, offset: int | None) -> tuple[bytes, int]:
    """A piece of a log and where the next one begins; from the last part of it when no offset is given.

    Raises:
        OSError: There is no such file.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if offset is None:
            offset = max(0, size - _ON_A_PAGE)
        if offset > size:  # it was written anew
            offset = 0
        file.seek(offset)
        data = file.read(_AT_ONCE)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    decoder.decode(data)
    unfinished = len(decoder.getstate()[0])  # of a character whose rest is still being written
    return data[: len(data) - unfinished], offset + len(data) - unfinished


def log_box(
    identifier: Any,
    attempt: int,
    path: Path,
    phase: str,
    *,
    title: str,
    live: bool,
    opened: bool,
    item: int | None = None,
) -> Markup:
    """The end of one log, which the script follows while the task runs."""
    url = log_path(identifier, attempt, item)
    which = f"{title}, item {item}" if item is not None else title
    shown = tag("span", identifier.node_id, class_="kind id") if title != identifier.node_id else None
    heading = joined(f"{which}, attempt {attempt + 1} ", badge(phase) if phase else None, shown)
    name = f"log-{identifier.node_id}-{attempt}" + (f"-{item}" if item is not None else "")
    try:
        data, offset = read_log(path, None)
    except OSError:
        body: Markup = tag("p", "The log is gone.", class_="soft")
    else:
        text = data.decode(errors="replace")
        if not text.strip() and not live:
            body = tag("p", "Nothing was written.", class_="soft")
        else:
            body = tag(
                "pre",
                text,
                data_log=url if live else None,
                data_offset=offset if live else None,
                tabindex="0",
                role="log" if live else "region",
                aria_label=f"Log of {which}",
            )
        body = joined(body, tag("p", link("whole log as text", url)))
    return tag("details", tag("summary", heading), body, id=name, open=opened)
