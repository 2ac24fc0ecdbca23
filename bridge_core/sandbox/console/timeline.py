"""When each node waited and worked: a Gantt chart of rows that shrink with the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..model.times import now, seconds_between
from .html import Markup, joined, link, tag
from .show import NODE_ENDED, duration, node_phase
from .urls import node_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["timeline"]

_SCALE = 1000
_MOST = 500
_THINNEST = 3
_DEEPEST = 4  # steps of indentation in console.css


def timeline(run: Any, nodes: Sequence[tuple[int, Any]], titles: Mapping[str, str], *, ended: bool) -> Markup:
    """The chart of a run.

    Args:
        run: Its execution.
        nodes: (depth, node execution), in the order of rows.
        titles: What the nodes are called, by id.
        ended: Whether the run is over.
    """
    start = run.closure.created_at
    until = run.closure.updated_at if ended else now()
    total = max(seconds_between(start, until), 0.001)

    def at(stamp: Any) -> float:
        return min(_SCALE, seconds_between(start, stamp) / total * _SCALE)

    rows = []
    for depth, node in nodes[:_MOST]:
        closure = node.closure
        begun = closure.started_at if closure.started_at.seconds else None
        over = node_phase(closure.phase) in NODE_ENDED
        queued = at(closure.created_at)
        working = at(begun) if begun is not None else _SCALE if not over else at(closure.updated_at)
        finished = at(closure.updated_at if over else until)
        phase = node_phase(closure.phase)
        bars = [_bar(queued, working, "queue")]
        took = "-"
        if begun is not None:
            bars.append(_bar(working, max(finished, working + _THINNEST), "bar"))
            took = duration(seconds_between(begun, closure.updated_at if over else until))
        picture = tag(
            "svg",
            joined(*bars),
            viewBox=f"0 0 {_SCALE} 10",
            preserveAspectRatio="none",
            class_=phase,
            role="img",
            aria_label=f"{titles.get(node.id.node_id, node.id.node_id)}: {phase.replace('_', ' ').lower()}, {took}",
        )
        title = titles.get(node.id.node_id, node.id.node_id)
        name = tag(
            "span", link(title, node_path(node.id), title=node.id.node_id), class_=f"name depth{min(depth, _DEEPEST)}"
        )
        rows.append(tag("li", name, picture, tag("span", took, class_="number")))
    if not rows:
        return tag("p", "No node has begun.", class_="soft")
    rest = tag("p", f"… and {len(nodes) - _MOST} more.", class_="soft") if len(nodes) > _MOST else None
    scale = tag("p", tag("span", "0 s"), tag("span", duration(total)), class_="scale", aria_hidden="true")
    return joined(tag("ul", rows, class_="timeline"), scale, rest)


def _bar(start: float, end: float, kind: str) -> Markup | None:
    if end <= start:
        return None
    start = min(start, _SCALE - _THINNEST)
    return tag("rect", x=f"{start:.1f}", y=0, width=f"{min(end, _SCALE) - start:.1f}", height=10, class_=kind)
