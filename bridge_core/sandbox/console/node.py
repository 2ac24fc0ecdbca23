"""The page of one node of a run: its attempts, data, logs, deck, and what is inside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyteidl.core import catalog_pb2

from .graph import drawing, edges_of
from .html import Content, Markup, joined, link, tag
from .logs import log_box
from .page import page
from .run import node_boxes
from .show import NODE_ENDED, facts, node_phase, phase, section, table, task_phase, time, took
from .urls import entity_path, node_path, run_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..engine.engine import Engine
    from .literals import Literals

__all__ = ["item_log", "node_page"]

_MOST_ITEMS = 1000
_MOST_LOGS = 50
_CACHE = catalog_pb2.CatalogCacheStatus
_TASK_ENDED = frozenset({"SUCCEEDED", "FAILED", "ABORTED"})


def node_page(engine: Engine, show: Literals, identifier: Any) -> bytes:
    """The page.

    Raises:
        Rejected: NOT_FOUND.
    """
    node = engine.nodes.get(identifier)
    ended = node_phase(node.closure.phase) in NODE_ENDED
    inputs, outputs, dynamic = engine.nodes.data(identifier)
    attempts = engine.nodes.attempts_of(identifier)
    parts = [
        tag("div", _facts(node, attempts, ended=ended), _error(node), id="state", data_live=True),
        _inside(engine, node, dynamic),
        section("Attempts", _attempts(attempts), name="attempts", live=True) if attempts else None,
        _items(attempts),
        section("Inputs", show.map("Inputs", inputs), name="inputs"),
        section("Outputs", show.map("Outputs", outputs), name="outputs", live=True),
        _deck(show, node),
        section("Logs", _logs(engine, node), name="logs"),
    ]
    run = identifier.execution_id
    return page(
        f"Node {identifier.node_id}",
        *parts,
        project=run.project,
        domain=run.domain,
        above=[link("Run " + run.name, run_path(run))],
        running=not ended,
    )


def item_log(engine: Engine, identifier: Any, attempt: int, item: int) -> Path:
    """The log of an item of an array node, which has no record of its own."""
    return engine.layout.attempt(identifier.execution_id, f"{identifier.node_id}/{item}", attempt) / "task.log"


def _facts(node: Any, attempts: list[Any], *, ended: bool) -> Markup:
    closure = node.closure
    child = closure.workflow_node_metadata.executionId
    status = closure.task_node_metadata.cache_status
    source = closure.task_node_metadata.catalog_key.source_task_execution.node_execution_id
    task = attempts[-1].id.task_id if attempts else None
    cache: Content = None
    if status != _CACHE.CACHE_DISABLED:
        cached = _CACHE.Name(status).removeprefix("CACHE_").lower()
        origin = link(source.execution_id.name, node_path(source), class_="id") if source.node_id else None
        cache = joined(cached, " from " if origin else None, origin)
    kinds = [
        name for name, is_it in (("array", node.metadata.is_array), ("dynamic", node.metadata.is_dynamic)) if is_it
    ]
    return facts(
        [
            ("Phase", phase(node_phase(closure.phase))),
            ("Task", link(task.name, entity_path(task)) if task is not None else None),
            ("Kind", ", ".join(kinds)),
            ("Run", link(child.name, run_path(child), class_="id") if child.name else None),
            ("Started", time(closure.started_at)),
            ("Took", took(closure, ended=ended)),
            ("Cache", cache),
        ]
    )


def _error(node: Any) -> Markup | None:
    if node.closure.WhichOneof("output_result") != "error":
        return None
    error = node.closure.error
    return tag(
        "section",
        tag("h2", "Error"),
        tag("pre", f"{error.code}\n{error.message}", class_="error", tabindex="0"),
        id="error",
    )


def _inside(engine: Engine, node: Any, dynamic: Any | None) -> Markup | None:
    """The workflow inside a sub-workflow, branch or dynamic node, as far as it has begun."""
    below = [one for parent, one in engine.nodes.tree_of(node.id.execution_id) if parent == node.id.node_id]
    if dynamic is not None:
        records = {one.metadata.spec_node_id: one for one in below}
        return section(
            "Graph",
            drawing(node_boxes(dynamic.primary, records, None), edges_of(dynamic.primary)),
            name="graph",
            live=True,
        )
    if not below:
        return None
    rows: list[list[Content]] = [
        [
            link(one.id.node_id, node_path(one.id), class_="id"),
            phase(node_phase(one.closure.phase)),
            tag("span", took(one.closure, ended=node_phase(one.closure.phase) in NODE_ENDED), class_="number"),
        ]
        for one in below
    ]
    return section("Inside", table("Nodes inside", ["Node", "Phase", "Took"], rows), name="inside", live=True)


def _attempts(attempts: list[Any]) -> Markup:
    rows: list[list[Content]] = []
    for attempt in attempts:
        closure, name = attempt.closure, task_phase(attempt.closure.phase)
        error = closure.error.message if closure.WhichOneof("output_result") == "error" else ""
        rows.append(
            [
                str(attempt.id.retry_attempt + 1),
                phase(name),
                time(closure.started_at),
                tag("span", took(closure, ended=name in _TASK_ENDED), class_="number"),
                tag("span", error[-500:], class_="soft"),
            ]
        )
    return table("Attempts", ["Attempt", "Phase", "Started", "Took", "Error"], rows, wide=(2,))


def _items(attempts: list[Any]) -> Markup | None:
    resources = attempts[-1].closure.metadata.external_resources if attempts else ()
    if not resources:
        return None
    counts: dict[str, int] = {}
    for resource in resources:
        name = task_phase(resource.phase)
        counts[name] = counts.get(name, 0) + 1
    summary = [[phase(name), f" {count} "] for name, count in sorted(counts.items())]
    items = [[str(one.index), phase(task_phase(one.phase))] for one in resources[:_MOST_ITEMS]]
    every = tag("details", tag("summary", "Each item"), table("Items", ["Item", "Phase"], items), id="each")
    return section(f"{len(resources)} items", tag("p", summary), every, name="items", live=True)


def _deck(show: Literals, node: Any) -> Markup | None:
    url = show.file(node.closure.deck_uri) if node.closure.deck_uri else None
    if url is None:
        return None
    # What a task wrote: its own origin, no access to this page, no network (see the headers of signed files).
    frame = tag("iframe", src=url, sandbox="allow-scripts", loading="lazy", title=f"Deck of {node.id.node_id}")
    return section("Deck", frame, tag("p", link("open it alone", url)), name="deck")


def _logs(engine: Engine, node: Any) -> Content:
    boxes = [
        log_box(
            node.id,
            attempt,
            Path(path),
            name,
            live=name not in _TASK_ENDED,
            opened=True,
        )
        for node_id, attempt, name, path in engine.nodes.logs_of(node.id.execution_id)
        if node_id == node.id.node_id
    ]
    if node.metadata.is_array:
        live = node_phase(node.closure.phase) not in NODE_ENDED
        for item, attempt, path in list(_item_logs(engine, node.id))[:_MOST_LOGS]:
            boxes.append(log_box(node.id, attempt, path, "", live=live, opened=False, item=item))
    return boxes or tag("p", "Nothing was started.", class_="soft")


def _item_logs(engine: Engine, identifier: Any) -> Iterator[tuple[int, int, Path]]:
    folder = engine.layout.node(identifier.execution_id, identifier.node_id).parent
    if not folder.is_dir():
        return
    items = sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal())
    for item in items[:_MOST_LOGS]:
        data = engine.layout.node(identifier.execution_id, f"{identifier.node_id}/{item}")
        attempts = sorted(int(path.name) for path in data.glob("*") if path.name.isdecimal()) if data.is_dir() else []
        for attempt in attempts:
            yield item, attempt, data / str(attempt) / "task.log"
