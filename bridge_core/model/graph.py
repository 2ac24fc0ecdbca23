"""What a workflow consists of, for people: its nodes, what they run, and which waits for which."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .public import public

if TYPE_CHECKING:
    from .ids import EntityRef

__all__ = ["WorkflowGraph", "WorkflowNode"]


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowNode:
    """One node of a registered workflow."""

    id: str
    """As runs call it in `NodeSnapshot.name`: ``n0``, or what its author named it."""
    name: str
    """What its author sees: often the name of the function."""
    kind: str
    """``task``, ``array``, ``workflow`` (sub-workflow), ``launch_plan`` (another run), ``branch`` or ``gate``."""
    entity: EntityRef | None = None
    """What it runs; None for branches and gates."""
    graph: WorkflowGraph | None = None
    """The nodes of the sub-workflow, or of all arms of the branch."""


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowGraph:
    """Nodes in the order of the workflow, and who waits for whom."""

    nodes: tuple[WorkflowNode, ...]
    edges: tuple[tuple[str, str], ...] = ()
    """(node, node that waits for it), without the start and the end that every workflow has."""

    def walk(self) -> Iterator[WorkflowNode]:
        """All nodes, those of sub-workflows and branches after the one that holds them."""
        for node in self.nodes:
            yield node
            if node.graph is not None:
                yield from node.graph.walk()
