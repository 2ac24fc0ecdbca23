"""Walking through templates: nodes inside nodes, what they refer to and what they wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..model.ids import END_NODE, START_NODE

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["branch_arms", "dependencies", "identifier_key", "nodes_of", "tasks_of"]


def identifier_key(identifier: Any) -> tuple[str, str, str, str]:
    """What tells entities of one kind apart."""
    return identifier.project, identifier.domain, identifier.name, identifier.version


def dependencies(node: Any) -> set[str]:
    """Nodes that must end before this one may start, START_NODE included.

    The arms of a branch take their inputs from outside the branch, so their upstreams are the branch's too. (Their own ids
    are a scope of their own and may equal ids outside.)
    """
    found = set(node.upstream_node_ids)
    for binding in node.inputs:
        found.update(_promised(binding.binding))
    if node.WhichOneof("target") == "branch_node":
        for arm in branch_arms(node.branch_node):
            found |= dependencies(arm)
    return found


def branch_arms(branch: Any) -> Iterator[Any]:
    """The nodes that a branch chooses from, the else node last."""
    block = branch.if_else
    yield block.case.then_node
    for other in block.other:
        yield other.then_node
    if block.WhichOneof("default") == "else_node":
        yield block.else_node


def tasks_of(template: Any) -> dict[tuple[str, str, str, str], Any]:
    """Identifiers of all tasks that a template's nodes refer to."""
    return {
        identifier_key(node.task_node.reference_id): node.task_node.reference_id
        for node in nodes_of(template)
        if node.WhichOneof("target") == "task_node"
    }


def nodes_of(template: Any) -> Iterator[Any]:
    """Every node of a template: arms of branches, items of arrays and the failure node included."""
    waiting = [node for node in template.nodes if node.id not in (START_NODE, END_NODE)]
    if template.HasField("failure_node"):
        waiting.append(template.failure_node)
    while waiting:
        node = waiting.pop()
        yield node
        if node.WhichOneof("target") == "branch_node":
            waiting.extend(branch_arms(node.branch_node))
        elif node.WhichOneof("target") == "array_node":
            waiting.append(node.array_node.node)


def _promised(binding: Any) -> Iterator[str]:
    kind = binding.WhichOneof("value")
    if kind == "promise":
        yield binding.promise.node_id or START_NODE
    elif kind == "collection":
        for item in binding.collection.bindings:
            yield from _promised(item)
    elif kind == "map":
        for item in binding.map.bindings.values():
            yield from _promised(item)
