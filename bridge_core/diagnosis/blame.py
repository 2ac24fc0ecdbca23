"""Which node is to blame: the first leaf that failed.

What stands above it failed because of it, and what stands beside it was stopped because of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..model.phases import RunPhase

if TYPE_CHECKING:
    from ..model.nodes import NodeSnapshot
    from ..model.runs import RunSnapshot

__all__ = ["Blamed", "blamed"]

_FAILED = frozenset({"FAILED", "TIMED_OUT", "FAILING"})
_STOPPED = frozenset({"ABORTED", "RUNNING", "QUEUED", "DYNAMIC_RUNNING", "PAUSED"})
_LATEST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blamed:
    """A node and those that it is in, outermost first."""

    node: NodeSnapshot
    parents: tuple[NodeSnapshot, ...] = ()


def blamed(run: RunSnapshot, tree: Iterable[NodeSnapshot]) -> Blamed | None:
    """The node to blame for how a run is; None when no node is.

    Of a run that failed, the first leaf that did. Of one that was aborted, or goes on, the first leaf that was, or is, at work.

    Args:
        run: As it is.
        tree: Its nodes.
    """
    if run.phase.is_success:
        return None
    nodes = tuple(tree)
    ended_badly = run.phase.is_terminal and run.phase is not RunPhase.ABORTED
    candidates = list(_leaves(nodes, _FAILED)) if ended_badly or run.phase is RunPhase.FAILING else []
    candidates = candidates or list(_leaves(nodes, _STOPPED))
    # FlytePropeller ends what is beside a failure later than the failure: the first is the cause. `min` keeps the tree's order.
    return min(candidates, key=lambda item: _when(item.node), default=None)


def _leaves(
    nodes: Iterable[NodeSnapshot], phases: frozenset[str], parents: tuple[NodeSnapshot, ...] = ()
) -> Iterator[Blamed]:
    """Nodes in these phases that have none below them in one of these phases."""
    for node in nodes:
        if node.phase not in phases:
            continue
        below = list(_leaves(node.children, phases, (*parents, node)))
        yield from below or [Blamed(node=node, parents=parents)]


def _when(node: NodeSnapshot) -> datetime:
    told = node.error.occurred_at if node.error is not None else None
    return told or node.ended_at or _LATEST
