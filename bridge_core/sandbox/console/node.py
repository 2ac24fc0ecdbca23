"""The page of one node of a run: its attempts, data, logs, deck, and what is inside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyteidl.core import catalog_pb2

from ..engine.recorder import OWN_LOG
from .gates import answer, awaited
from .graph import drawing, edges_of
from .html import Content, Markup, joined, link, tag
from .logs import log_box
from .names import is_marker, readable, title_of
from .page import page
from .run import node_boxes, node_name, specs_of_run
from .show import NODE_ENDED, cause, error_box, facts, node_phase, phase, section, table, task_phase, time, took
from .urls import entity_path, list_path, node_path, run_path

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
    run = identifier.execution_id
    tree = engine.nodes.tree_of(run)
    specs = specs_of_run(engine, engine.executions.get(run), tree)
    spec = specs.get(identifier.node_id)
    ended = node_phase(node.closure.phase) in NODE_ENDED
    inputs, outputs, dynamic = engine.nodes.data(identifier)
    attempts = engine.nodes.attempts_of(identifier)
    below = [one for parent, one in tree if parent == identifier.node_id]
    title = identifier.node_id if spec is None else title_of(spec)
    state = [_facts(node, spec, attempts, ended=ended), error_box(node.closure)]
    parts = [
        tag("div", state, id="state", data_live=True),
        _inside(below, specs, dynamic),
        section("Attempts", _attempts(attempts), name="attempts", live=True) if attempts else None,
        _items(attempts),
        section("Inputs", show.map("Inputs", inputs), name="inputs"),
        section("Outputs", show.map("Outputs", outputs), name="outputs", live=True),
        _deck(show, node),
        section("Logs", _logs(engine, node, title, attempts), name="logs"),
    ]
    return page(
        f"Node {identifier.node_id}" + (f": {title}" if title != identifier.node_id else ""),
        *parts,
        project=run.project,
        domain=run.domain,
        above=_above(identifier, tree, specs),
        running=not ended,
    )


def _above(identifier: Any, tree: list[tuple[str, Any]], specs: dict[str, Any]) -> list[Markup]:
    """The runs, the run, and the nodes that this one is in."""
    run = identifier.execution_id
    parents = {node.id.node_id: parent for parent, node in tree}
    known = {node.id.node_id: node for _, node in tree}
    inside: list[Markup] = []
    parent = parents.get(identifier.node_id, "")
    while parent in known and len(inside) < len(known):
        inside.insert(0, node_name(known[parent], specs.get(parent)))
        parent = parents[parent]
    return [link("Runs", list_path("", run.project, run.domain)), link(run.name, run_path(run)), *inside]


def item_log(engine: Engine, identifier: Any, attempt: int, item: int) -> Path:
    """The log of an item of an array node, which has no record of its own."""
    return _items_of(engine, identifier) / str(item) / str(attempt) / "task.log"


def _items_of(engine: Engine, identifier: Any) -> Path:
    """Where the items of an array node have their directories: in its output prefix, and an array has one attempt."""
    return engine.layout.local(engine.nodes.get(identifier).input_uri).parent / "0"


def _facts(node: Any, spec: Any | None, attempts: list[Any], *, ended: bool) -> Markup:
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
    command = answer(spec, node.id.execution_id) if not ended else ""
    kinds = [
        name for name, is_it in (("array", node.metadata.is_array), ("dynamic", node.metadata.is_dynamic)) if is_it
    ]
    return facts(
        [
            ("Phase", phase(node_phase(closure.phase))),
            ("Task", link(readable(task.name), entity_path(task)) if task is not None else None),
            ("Kind", ", ".join(kinds)),
            ("Waits for" if not ended else "Waited for", awaited(spec)),
            ("Answer it with", tag("code", command) if command else None),
            ("Launched run", link(child.name, run_path(child), class_="id") if child.name else None),
            ("Started", time(closure.started_at)),
            ("Took", took(closure, ended=ended)),
            ("Cache", cache),
        ]
    )


def _inside(below: list[Any], specs: dict[str, Any], dynamic: Any | None) -> Markup | None:
    """The workflow inside a sub-workflow, branch or dynamic node, as far as it has begun."""
    if dynamic is not None:
        records = {one.metadata.spec_node_id: one for one in below}
        return section(
            "Graph",
            drawing(node_boxes(dynamic.primary, records, None), edges_of(dynamic.primary)),
            name="graph",
            live=True,
        )
    rows: list[list[Content]] = [
        [
            node_name(one, specs.get(one.id.node_id)),
            phase(node_phase(one.closure.phase)),
            tag("span", took(one.closure, ended=node_phase(one.closure.phase) in NODE_ENDED), class_="number"),
        ]
        for one in below
        if not is_marker(one)
    ]
    if not rows:
        return None
    return section("Inside", table("Nodes inside", ["Node", "Phase", "Took"], rows), name="inside", live=True)


def _attempts(attempts: list[Any]) -> Markup:
    rows: list[list[Content]] = []
    for attempt in attempts:
        closure, name = attempt.closure, task_phase(attempt.closure.phase)
        rows.append(
            [
                str(attempt.id.retry_attempt + 1),
                phase(name),
                time(closure.started_at),
                tag("span", took(closure, ended=name in _TASK_ENDED), class_="number"),
                tag("span", cause(closure) or closure.reason, class_="why"),
            ]
        )
    failed = any(attempt.closure.WhichOneof("output_result") == "error" for attempt in attempts)
    last = "Error" if failed else "Message" if any(attempt.closure.reason for attempt in attempts) else ""
    return table("Attempts", ["Attempt", "Phase", "Started", "Took", last], rows, wide=(2,))


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


def _logs(engine: Engine, node: Any, title: str, attempts: list[Any]) -> Content:
    boxes = [
        log_box(node.id, attempt, Path(path), name, title=title, live=name not in _TASK_ENDED, opened=True)
        for node_id, attempt, name, path in engine.nodes.logs_of(node.id.execution_id)
        if node_id == node.id.node_id
    ]
    if node.metadata.is_array:
        resources = attempts[-1].closure.metadata.external_resources if attempts else ()
        phases = {one.index: (one.retry_attempt, task_phase(one.phase)) for one in resources}
        live = node_phase(node.closure.phase) not in NODE_ENDED
        for item, attempt, path in list(_item_logs(engine, node.id))[:_MOST_LOGS]:
            last, name = phases.get(item, (attempt, ""))
            name = name if attempt >= last else ""
            opened = name == "FAILED"
            box = log_box(node.id, attempt, path, name, title=title, live=live, opened=opened, item=item)
            boxes.append(box)
    elsewhere = [  # where a connector's job says what it does
        tag("p", link(log.name or log.uri, log.uri), f" of attempt {attempt.id.retry_attempt + 1}")
        for attempt in attempts
        for log in attempt.closure.logs
        if log.name != OWN_LOG
    ]
    return [*elsewhere, *boxes] or tag("p", "Nothing was started.", class_="soft")


def _item_logs(engine: Engine, identifier: Any) -> Iterator[tuple[int, int, Path]]:
    folder = _items_of(engine, identifier)
    if not folder.is_dir():
        return
    items = sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal())
    for item in items[:_MOST_LOGS]:
        data = folder / str(item)
        attempts = sorted(int(path.name) for path in data.glob("*") if path.name.isdecimal())
        for attempt in attempts:
            yield item, attempt, data / str(attempt) / "task.log"
