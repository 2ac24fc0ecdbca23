"""The page of one run: what, how it went, why it failed, its graph, its times, its data, its logs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyteidl.admin import execution_pb2
from flyteidl.core import identifier_pb2

from ..model.ids import GENERATED, enum_name
from ..store.executions import TERMINAL
from .gates import awaited
from .graph import Box, drawing, edges_of
from .html import Content, Markup, joined, link, tag
from .logs import log_box
from .names import is_marker, readable, specs_of, target_of, title_of
from .origin import launcher
from .page import page
from .runs import launched
from .show import NODE_ENDED, cause, error_box, facts, node_phase, phase, run_phase, section, table, time, took
from .timeline import timeline
from .urls import entity_path, list_path, node_path, run_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..engine.engine import Engine
    from .literals import Literals

__all__ = ["node_boxes", "node_name", "run_page", "specs_of_run"]

_MOST_ROWS, _MOST_LOGS, _OPEN_LOGS = 500, 40, 3
_MODE = execution_pb2.ExecutionMetadata.ExecutionMode
_DEEPEST = 4  # steps of indentation in console.css


def run_page(engine: Engine, show: Literals, identifier: Any) -> bytes:
    """The page.

    Raises:
        Rejected: NOT_FOUND.
    """
    run = engine.executions.get(identifier)
    ended = run.closure.phase in TERMINAL
    inputs, outputs = engine.executions.data(identifier)
    tree = engine.nodes.tree_of(identifier)
    nodes = _in_order(tree)
    shown = [(depth, node) for depth, node in nodes if not is_marker(node)]
    specs = specs_of_run(engine, run, tree)
    titles = {node_id: title_of(spec) for node_id, spec in specs.items()}
    parts = [
        tag("div", _facts(run, ended=ended), error_box(run.closure), id="state", data_live=True),
        section("Graph", _graph(_workflow(engine, run), nodes), name="graph", live=True),
        section("Timeline", timeline(run, shown, titles, ended=ended), name="timeline", live=True),
        section("Nodes", _table(shown, specs, engine.nodes.task_names(identifier)), name="nodes", live=True),
        section("Inputs", show.map("Inputs", inputs), name="inputs"),
        section("Outputs", _outputs(show, outputs, ended=ended), name="outputs", live=True),
        section("Logs", _logs(engine, identifier, titles), name="logs"),
    ]
    return page(
        identifier.name,
        *parts,
        project=identifier.project,
        domain=identifier.domain,
        above=[link("Runs", list_path("", identifier.project, identifier.domain)), launched(run)],
        running=not ended,
    )


def node_boxes(workflow: Any, records: dict[str, Any], fallback: Any) -> dict[str, Box]:
    """Boxes of a compiled workflow's nodes.

    Args:
        workflow: The compiled workflow.
        records: Node executions by the id that the workflow knows them by.
        fallback: Makes the URL of a node that has not begun, or None.
    """
    boxes = {}
    for node in workflow.template.nodes:
        record = records.get(node.id)
        marker = not node.WhichOneof("target")
        url = node_path(record.id) if record is not None else fallback(node) if fallback else ""
        boxes[node.id] = Box(
            title=title_of(node),
            note="" if marker else target_of(node),
            phase=node_phase(record.closure.phase) if record is not None else "",
            url="" if marker else url,
        )
    return boxes


def specs_of_run(engine: Engine, run: Any, tree: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """What was written for each node execution of a run; see `specs_of`."""
    return specs_of(_workflow(engine, run), tree, lambda identifier: engine.nodes.data(identifier)[2])


def node_name(record: Any, spec: Any | None) -> Markup:
    """A link to a node, by its name, with its id."""
    identifier = record.id.node_id
    title = identifier if spec is None else title_of(spec)
    shown = tag("span", identifier, class_="kind id") if title != identifier else None
    return joined(link(title, node_path(record.id)), " ", shown)


def _in_order(tree: Sequence[tuple[str, Any]]) -> list[tuple[int, Any]]:
    """(depth, node) with children below their parents, each level in the order it began."""
    children: dict[str, list[Any]] = {}
    known = {node.id.node_id for _, node in tree}
    for parent, node in tree:
        children.setdefault(parent if parent in known else "", []).append(node)
    ordered: list[tuple[int, Any]] = []
    waiting = [(0, node) for node in reversed(children.get("", []))]
    while waiting:
        depth, node = waiting.pop()
        ordered.append((depth, node))
        waiting += [(depth + 1, child) for child in reversed(children.get(node.id.node_id, []))]
    return ordered


def _facts(run: Any, *, ended: bool) -> Markup:
    closure, spec = run.closure, run.spec
    metadata = spec.metadata
    parent = metadata.parent_node_execution
    labels = [f"{key}={value}" for key, value in sorted(spec.labels.values.items())]
    reference = metadata.reference_execution
    pairs: list[tuple[str, Content]] = [
        ("Phase", phase(run_phase(closure.phase))),
        ("Launched", joined(launched(run), " ", tag("span", spec.launch_plan.version, class_="kind"))),
        (
            "Workflow",
            link(closure.workflow_id.name, entity_path(closure.workflow_id))
            if closure.workflow_id.name and not closure.workflow_id.name.startswith(GENERATED)
            else None,
        ),
        ("Created", time(closure.created_at)),
        ("Took", took(closure, ended=ended)),
        ("How", enum_name(_MODE, metadata.mode).lower()),
        ("Scheduled for", time(metadata.scheduled_at)),
        ("Made from", link(reference.name, run_path(reference), class_="id") if reference.name else None),
        (
            "Started by",
            link(f"{parent.node_id} of {parent.execution_id.name}", node_path(parent)) if parent.node_id else None,
        ),
        ("Launched by", launcher(spec.labels.values, spec.annotations.values)),
        ("Labels", ", ".join(labels)),
        ("Tags", ", ".join(spec.tags)),
        ("Cache", "not read" if spec.overwrite_cache else None),
        ("Abort cause", closure.abort_metadata.cause),
        ("Archived", "yes" if closure.state_change_details.state == execution_pb2.EXECUTION_ARCHIVED else None),
    ]
    return facts(pairs)


def _workflow(engine: Engine, run: Any) -> Any | None:
    identifier = run.closure.workflow_id
    workflow = engine.entities.find(identifier) if identifier.name else None
    return None if workflow is None else workflow.closure.compiled_workflow


def _graph(closure: Any | None, nodes: list[tuple[int, Any]]) -> Markup:
    top = {node.metadata.spec_node_id or node.id.node_id: node for depth, node in nodes if depth == 0}
    if closure is None:
        return tag("p", "The workflow is not known any more.", class_="soft")
    return drawing(node_boxes(closure.primary, top, None), edges_of(closure.primary))


def _table(nodes: list[tuple[int, Any]], specs: dict[str, Any], tasks: dict[str, str]) -> Markup:
    rows: list[list[Content]] = []
    for depth, node in nodes[:_MOST_ROWS]:
        closure, spec = node.closure, specs.get(node.id.node_id)
        child = closure.workflow_node_metadata.executionId
        name = node_phase(closure.phase)
        details: list[Content] = []
        if child.name:
            details += ["run ", link(child.name, run_path(child), class_="id"), " "]
        if closure.deck_uri:
            details += [link("deck", f"{node_path(node.id)}#deck"), " "]
        if name == "RUNNING" and awaited(spec):
            details += ["waits for ", awaited(spec), " "]
        details.append(tag("span", cause(closure), class_="why"))
        runs = target_of(spec) if spec is not None else readable(tasks.get(node.id.node_id, ""))
        rows.append(
            [
                tag("span", node_name(node, spec), class_=f"name depth{min(depth, _DEEPEST)}"),
                runs,
                phase(name),
                time(closure.started_at),
                tag("span", took(closure, ended=name in NODE_ENDED), class_="number"),
                joined(*details),
            ]
        )
    rest = tag("p", f"… and {len(nodes) - _MOST_ROWS} more.", class_="soft") if len(nodes) > _MOST_ROWS else None
    if not rows:
        return tag("p", "No node has begun.", class_="soft")
    return joined(table("Nodes", ["Node", "Runs", "Phase", "Started", "Took", ""], rows, wide=(1, 3)), rest)


def _outputs(show: Literals, outputs: Any | None, *, ended: bool) -> Markup:
    if outputs is None:
        return tag("p", "None, as it did not succeed." if ended else "Not yet.", class_="soft")
    return show.map("Outputs", outputs)


def _logs(engine: Engine, identifier: Any, titles: dict[str, str]) -> Content:
    logs = engine.nodes.logs_of(identifier)
    boxes = []
    for at, (node_id, attempt, name, path) in enumerate(logs[-_MOST_LOGS:]):
        live = name in ("RUNNING", "QUEUED", "INITIALIZING", "UNDEFINED")
        opened = live or name == "FAILED" or (len(logs) <= _OPEN_LOGS and at < _OPEN_LOGS)
        node = identifier_pb2.NodeExecutionIdentifier(node_id=node_id, execution_id=identifier)
        title = titles.get(node_id, node_id)
        boxes.append(log_box(node, attempt, Path(path), name, title=title, live=live, opened=opened))
    if len(logs) > _MOST_LOGS:
        boxes.insert(
            0,
            tag(
                "p", f"The last {_MOST_LOGS} of {len(logs)}; the others are on the pages of their nodes.", class_="soft"
            ),
        )
    return boxes or tag("p", "Nothing was started.", class_="soft")
