"""A workflow as a picture: nodes in layers, top to bottom, as inline SVG whose boxes are links."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .html import Markup, joined, tag

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["END", "Box", "drawing", "edges_of"]

END = "end-node"
"""Drawn last, whatever it waits for."""

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _EDGE = 168, 46, 22, 40, 12
_MOST = 400
_LETTERS = 21
_SWEEPS = 4


@dataclass(frozen=True, slots=True)
class Box:
    """One node."""

    title: str
    note: str
    """What it runs, in small letters."""
    phase: str
    url: str


def edges_of(workflow: Any) -> list[tuple[str, str]]:
    """(upstream, downstream) of a compiled workflow."""
    return [
        (source, target)
        for source, targets in sorted(workflow.connections.downstream.items())
        for target in targets.ids
    ]


def drawing(boxes: Mapping[str, Box], edges: list[tuple[str, str]]) -> Markup:
    """The graph.

    Args:
        boxes: Node id to box.
        edges: Pairs of node ids; ids without a box are left out.
    """
    if len(boxes) > _MOST:
        return tag("p", f"{len(boxes)} nodes are too many to draw; the table lists them.", class_="soft")
    edges = [(source, target) for source, target in edges if source in boxes and target in boxes]
    layers = _layers(list(boxes), edges)
    widest = max((len(layer) for layer in layers), default=0)
    width = 2 * _EDGE + widest * _WIDTH + max(0, widest - 1) * _GAP_X
    height = 2 * _EDGE + len(layers) * _HEIGHT + max(0, len(layers) - 1) * _GAP_Y
    places = {}
    for row, layer in enumerate(layers):
        indent = (width - len(layer) * _WIDTH - (len(layer) - 1) * _GAP_X) / 2
        for column, name in enumerate(layer):
            places[name] = (indent + column * (_WIDTH + _GAP_X), _EDGE + row * (_HEIGHT + _GAP_Y))
    arrow = tag("path", d="M0 0L8 4L0 8z")
    marker = tag("marker", arrow, id="arrow", markerWidth="8", markerHeight="8", refX="7", refY="4", orient="auto")
    lines = [_line(places[source], places[target]) for source, target in edges]
    nodes = [_box(box, *places[name]) for name, box in boxes.items()]
    picture = tag(
        "svg",
        joined(tag("defs", marker), *lines, *nodes),
        width=width,
        height=height,
        viewBox=f"0 0 {width} {height}",
        role="group",
        aria_label=f"Graph of {len(boxes)} nodes",
    )
    return tag("div", picture, class_="scroll graph", tabindex="0", role="region", aria_label="Graph")


def _layers(names: list[str], edges: list[tuple[str, str]]) -> list[list[str]]:
    """Every node below all it depends on, then ordered so that lines cross less."""
    above: dict[str, list[str]] = defaultdict(list)
    for source, target in edges:
        above[target].append(source)
    depth: dict[str, int] = {}
    waiting = list(names)
    while waiting:
        ready = [name for name in waiting if all(source in depth for source in above[name])]
        if not ready:  # no workflow has a cycle, but a drawing must not hang on one
            ready = waiting
        for name in ready:
            depth[name] = max((depth.get(source, -1) + 1 for source in above[name]), default=0)
        placed = set(ready)
        waiting = [name for name in waiting if name not in placed]
    if END in depth:
        depth[END] = max([-1, *(at for name, at in depth.items() if name != END)]) + 1
    layers: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name in names:
        layers[depth[name]].append(name)
    for _ in range(_SWEEPS):
        place = {name: at / max(1, len(layer)) for layer in layers for at, name in enumerate(layer)}
        for layer in layers:
            layer.sort(key=lambda name: sum(place[one] for one in above[name]) / max(1, len(above[name])))
    return layers


def _line(source: tuple[float, float], target: tuple[float, float]) -> Markup:
    x1, y1 = source[0] + _WIDTH / 2, source[1] + _HEIGHT
    x2, y2 = target[0] + _WIDTH / 2, target[1]
    bend = max(_GAP_Y / 2, (y2 - y1) / 2)
    curve = f"M{x1:g} {y1:g}C{x1:g} {y1 + bend:g} {x2:g} {y2 - bend:g} {x2:g} {y2:g}"
    return tag("path", d=curve, marker_end="url(#arrow)")


def _box(box: Box, x: float, y: float) -> Markup:
    words = f"{box.title}: {box.phase.replace('_', ' ').lower()}" if box.phase else box.title
    inner = joined(
        tag("title", f"{words}, {box.note}" if box.note else words),
        tag("rect", x=f"{x:g}", y=f"{y:g}", width=_WIDTH, height=_HEIGHT, rx=8),
        tag("text", _short(box.title), x=f"{x + 12:g}", y=f"{y + (20 if box.note else 28):g}"),
        tag("text", _short(box.note, 4), x=f"{x + 12:g}", y=f"{y + 36:g}", class_="sub") if box.note else None,
    )
    group = tag("g", inner, class_=box.phase or None)
    return tag("a", group, href=box.url) if box.url else group


def _short(text: str, more: int = 0) -> str:
    """The end tells names of one package apart."""
    longest = _LETTERS + more
    return text if len(text) <= longest else "…" + text[-(longest - 1) :]
