"""What nodes are called on pages: the name their author gave them, not ``n0`` and not the hash of a map."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..model.ids import END_NODE, START_NODE, single_task_node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = ["is_marker", "readable", "specs_of", "target_of", "title_of"]

_MARKERS = frozenset({START_NODE, END_NODE})
_MAP = re.compile(r"(?P<package>(?:.+\.)?)map_(?P<name>.+)_[0-9a-f]{32}(?:-arraynode)?")


def is_marker(record: Any) -> bool:
    """Whether a node execution is the start or end of a workflow; their ids are hashed where they would be long."""
    return (record.metadata.spec_node_id or record.id.node_id) in _MARKERS


def readable(name: str) -> str:
    """The name of a task without what flytekit makes of it for a map: ``pkg.map_<task>_<hash>-arraynode``."""
    found = _MAP.fullmatch(name)
    return f"{found['package']}{found['name']}" if found else name


def title_of(node: Any) -> str:
    """What a node of a workflow is called."""
    if node.id in _MARKERS:
        return str(node.id).removesuffix("-node")
    given, task = str(node.metadata.name or node.id), node.task_node.reference_id.name
    if task and given == single_task_node(task):  # which took the dots away
        return readable(task).rpartition(".")[2]
    return f"map {readable(given).rpartition('.')[2]}" if readable(given) != given else given


def target_of(node: Any) -> str:
    """What a node runs."""
    kind = node.WhichOneof("target")
    if kind == "task_node":
        return readable(node.task_node.reference_id.name)
    if kind == "workflow_node":
        which = node.workflow_node.WhichOneof("reference")
        return str(getattr(node.workflow_node, which).name) if which else ""
    if kind == "array_node":
        return f"map of {target_of(node.array_node.node)}"
    return {"branch_node": "condition", "gate_node": "gate"}.get(str(kind), "")


def specs_of(
    closure: Any | None, tree: Sequence[tuple[str, Any]], dynamic: Callable[[Any], Any | None]
) -> dict[str, Any]:
    """What was written for each node execution of a run, as far as it is known.

    Args:
        closure: The compiled workflow of the run, or None when it is not known any more.
        tree: (unique id of the parent or the empty text, node execution), parents before their children.
        dynamic: Finds the compiled workflow that a dynamic node execution made.

    Returns:
        Unique node id to the node of a workflow template.
    """
    scopes: dict[str, tuple[Any, Mapping[str, Any]]] = {}
    if closure is not None:
        scopes[""] = closure, _by_id(_nodes_of(closure.primary.template))
    specs: dict[str, Any] = {}
    for parent, record in tree:
        where, scope = scopes.get(parent, (None, {}))
        spec = scope.get(record.metadata.spec_node_id or record.id.node_id)
        if spec is None:
            continue
        specs[record.id.node_id] = spec
        made = dynamic(record.id) if record.metadata.is_dynamic else None
        if made is not None:
            scopes[record.id.node_id] = made, _by_id(_nodes_of(made.primary.template))
        else:
            scopes[record.id.node_id] = where, _by_id(_inside(spec, where))
    return specs


def _inside(spec: Any, closure: Any) -> Iterable[Any]:
    kind = spec.WhichOneof("target")
    if kind == "workflow_node":
        wanted = spec.workflow_node.sub_workflow_ref
        for one in closure.sub_workflows:
            if one.template.id == wanted:
                return _nodes_of(one.template)
    if kind == "branch_node":
        block = spec.branch_node.if_else
        return [block.case.then_node, *(one.then_node for one in block.other), block.else_node]
    return ()


def _nodes_of(template: Any) -> Iterable[Any]:
    return [*template.nodes, template.failure_node]


def _by_id(nodes: Iterable[Any]) -> dict[str, Any]:
    return {node.id: node for node in nodes if node.id}
