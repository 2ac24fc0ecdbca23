"""When each node waited and worked: a Gantt chart of rows that shrink with the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..times import now, seconds_between
from .html import Markup, joined, link, tag
from .show import NODE_ENDED, duration, node_phase
from .urls import node_path

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["timeline"]

_SCALE = 1000
_MOST = 500
_THINNEST = 3


def timeline(run: Any, nodes: Sequence[tuple[int, Any]], *, ended: bool) -> Markup:
    """The chart of a run.

    Args:
        run: Its execution.
        nodes: (depth, node execution), in the order of rows.
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
            aria_label=f"{node.id.node_id}: {phase.replace('_', ' ').lower()}, {took}",
        )
        name = tag("span", link(node.id.node_id, node_path(node.id)), class_=f"name depth{min(depth, 4)}")
        rows.append(tag("li", name, picture, tag("span", took, class_="number")))
    if not rows:
        return tag("p", "No node has begun.", class_="soft")
    rest = tag("p", f"… and {len(nodes) - _MOST} more.", class_="soft") if len(nodes) > _MOST else None
    return joined(tag("ul", rows, class_="timeline"), tag("p", f"{duration(total)} in all.", class_="soft"), rest)


def _bar(start: float, end: float, kind: str) -> Markup | None:
    if end <= start:
        return None
    start = min(start, _SCALE - _THINNEST)
    return tag("rect", x=f"{start:.1f}", y=0, width=f"{min(end, _SCALE) - start:.1f}", height=10, class_=kind)
