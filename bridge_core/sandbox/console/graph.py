"""A workflow as a picture: nodes in layers, top to bottom, as inline SVG whose boxes are links."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from .html import Markup, joined, tag

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["END", "Box", "drawing", "edges_of"]

END = "end-node"
"""Drawn last, whatever it waits for."""

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _EDGE, _BEND = 176, 46, 22, 40, 12, 6
_MOST = 400
_LETTERS = 21
_SWEEPS = 4

_Key = str | tuple[int, int]
"""A box by its name, or the bend of a line (by its number) in a layer."""


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
    layers, chains = _layers(list(boxes), edges)
    widths = [sum(_width(key) for key in layer) + max(0, len(layer) - 1) * _GAP_X for layer in layers]
    width = 2 * _EDGE + max(widths, default=0)
    height = 2 * _EDGE + len(layers) * _HEIGHT + max(0, len(layers) - 1) * _GAP_Y
    places = {}
    for row, layer in enumerate(layers):
        x = (width - widths[row]) / 2
        for key in layer:
            places[key] = (x, _EDGE + row * (_HEIGHT + _GAP_Y))
            x += _width(key) + _GAP_X
    arrow = tag("path", d="M0 0L8 4L0 8z")
    marker = tag("marker", arrow, id="arrow", markerWidth="8", markerHeight="8", refX="7", refY="4", orient="auto")
    lines = [_line([(key, *places[key]) for key in chain]) for chain in chains]
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


def _layers(names: list[str], edges: list[tuple[str, str]]) -> tuple[list[list[_Key]], list[list[_Key]]]:
    """Every node below all it depends on, and ordered so that lines cross less; lines as the keys that they pass.

    A line that passes layers gets a bend of its own in each of them, so that it goes around the boxes there.
    """
    depth = _depths(names, edges)
    layers: list[list[_Key]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name in names:
        layers[depth[name]].append(name)
    chains: list[list[_Key]] = []
    above: dict[_Key, list[_Key]] = defaultdict(list)
    for number, (source, target) in enumerate(edges):
        bends: list[_Key] = [(number, layer) for layer in range(depth[source] + 1, depth[target])]
        for bend, layer in zip(bends, layers[depth[source] + 1 :], strict=False):
            layer.append(bend)
        chain = [source, *bends, target]
        chains.append(chain)
        for upper, lower in pairwise(chain):
            above[lower].append(upper)
    for _ in range(_SWEEPS):
        place = {key: at / max(1, len(layer)) for layer in layers for at, key in enumerate(layer)}
        for layer in layers:
            layer.sort(key=lambda key: sum(place[one] for one in above[key]) / max(1, len(above[key])))
    return layers, chains


def _depths(names: list[str], edges: list[tuple[str, str]]) -> dict[str, int]:
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
    return depth


def _width(key: _Key) -> int:
    return _WIDTH if isinstance(key, str) else _BEND


def _line(stops: list[tuple[_Key, float, float]]) -> Markup:
    pieces: list[str] = []
    x1 = y1 = 0.0
    for key, left, top in stops:
        x2 = left + _width(key) / 2
        if pieces:
            bend = max(_GAP_Y / 2, (top - y1) / 2)
            pieces.append(f"C{x1:g} {y1 + bend:g} {x2:g} {top - bend:g} {x2:g} {top:g}")
            pieces.append(f"V{top + _HEIGHT:g}" if not isinstance(key, str) else "")
        else:
            pieces.append(f"M{x2:g} {top + _HEIGHT:g}")
        x1, y1 = x2, top + _HEIGHT
    return tag("path", d="".join(pieces), marker_end="url(#arrow)")


def _box(box: Box, x: float, y: float) -> Markup:
    words = f"{box.title}: {box.phase.replace('_', ' ').lower()}" if box.phase else box.title
    letters = joined(  # in a picture of their own, which cuts wide ones off
        tag("text", _short(box.title), x=12, y=20 if box.note else 28),
        tag("text", _short(box.note, 4), x=12, y=36, class_="sub") if box.note else None,
    )
    inner = joined(
        tag("title", f"{words}, {box.note}" if box.note else words),
        tag("rect", x=f"{x:g}", y=f"{y:g}", width=_WIDTH, height=_HEIGHT, rx=8),
        tag("svg", letters, x=f"{x:g}", y=f"{y:g}", width=_WIDTH - 4, height=_HEIGHT),
    )
    group = tag("g", inner, class_=box.phase or None)
    return tag("a", group, href=box.url) if box.url else group


def _short(text: str, more: int = 0) -> str:
    """The end tells names of one package apart."""
    longest = _LETTERS + more
    return text if len(text) <= longest else "…" + text[-(longest - 1) :]
