"""Small things that every page shows: phases, times, durations, tables, facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.core import execution_pb2

from ...model.run_failure import RunError
from ..model.times import now, seconds_between, to_text
from .html import Content, Markup, joined, tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "NODE_ENDED",
    "cause",
    "duration",
    "error_box",
    "facts",
    "node_phase",
    "phase",
    "run_phase",
    "section",
    "table",
    "task_phase",
    "time",
    "took",
]

_TENTH, _MINUTE, _HOUR = 0.1, 60, 3600

NODE_ENDED = frozenset({"SUCCEEDED", "FAILED", "ABORTED", "SKIPPED", "TIMED_OUT", "RECOVERED"})
"""Phases of nodes that never change again."""


def phase(name: str) -> Markup:
    """A phase as a badge; its word is there, so colour is not needed to tell it."""
    return tag("span", name.replace("_", " ").lower(), class_=f"phase {name}")


def run_phase(number: int) -> str:
    """The name of a run's phase."""
    return str(execution_pb2.WorkflowExecution.Phase.Name(number))


def node_phase(number: int) -> str:
    """The name of a node's phase."""
    return str(execution_pb2.NodeExecution.Phase.Name(number))


def task_phase(number: int) -> str:
    """The name of a task execution's phase."""
    return str(execution_pb2.TaskExecution.Phase.Name(number))


def time(stamp: Any) -> Markup | None:
    """A moment, in UTC."""
    text = to_text(stamp)
    return tag("time", text[:19].replace("T", " "), datetime=text, title=f"{text} (UTC)") if text else None


def duration(seconds: float) -> str:
    """Milliseconds, seconds, minutes or hours, whatever people would say."""
    if seconds < _TENTH:
        return f"{seconds * 1000:.0f} ms"
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} m {whole % _MINUTE:02} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02} m"


def took(closure: Any, *, ended: bool) -> str | None:
    """How long something has taken, or takes until now."""
    if not closure.started_at.seconds:
        return None
    return duration(closure.duration.ToNanoseconds() / 1e9 if ended else seconds_between(closure.started_at, now()))


def cause(closure: Any) -> str:
    """Why something failed, in one line; empty when it did not."""
    if closure.WhichOneof("output_result") != "error":
        return ""
    return RunError(code=closure.error.code, message=closure.error.message).summary


def error_box(closure: Any) -> Markup | None:
    """Why something failed: the cause, then all that is known."""
    if closure.WhichOneof("output_result") != "error":
        return None
    error, summary = closure.error, cause(closure)
    whole = tag("pre", error.message, class_="error", tabindex="0") if error.message.strip() != summary else None
    line = tag("p", tag("strong", summary), " ", tag("span", error.code, class_="kind"), class_="cause")
    return tag("section", tag("h2", "Error"), line, whole, id="error")


def facts(pairs: Iterable[tuple[str, Content]]) -> Markup:
    """Names with values; those without a value are left out."""
    return tag(
        "dl", [[tag("dt", name), tag("dd", value)] for name, value in pairs if value not in (None, "")], class_="facts"
    )


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[Content]], *, wide: Sequence[int] = ()) -> Markup:
    """A table that scrolls by itself when it is too wide.

    Args:
        caption: For those who cannot see what it belongs to.
        head: Column names.
        rows: Cells.
        wide: Columns that narrow screens do without.
    """
    classes = ["wide" if column in wide else None for column in range(len(head))]
    header = tag("tr", [tag("th", name, scope="col", class_=classes[at]) for at, name in enumerate(head)])
    body = [tag("tr", [tag("td", cell, class_=classes[at]) for at, cell in enumerate(row)]) for row in rows]
    inner = joined(tag("thead", header), tag("tbody", body))
    return tag("div", tag("table", inner), class_="scroll", role="region", aria_label=caption, tabindex="0")


def section(title: str, *content: Content, name: str, live: bool = False) -> Markup:
    """A part of a page, with an anchor; the script renews the live ones while a run is going."""
    return tag("section", tag("h2", title), *content, id=name, data_live=live)
