"""`NodeFactory`: which class executes which kind of node. At the top, and handed down, so that kinds need not know each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..model.outcome import unsupported
from .array import ArrayNode
from .branch import BranchNode
from .gate import GateNode
from .graph import Graph
from .launch_plan import LaunchPlanNode
from .node import NodeRun
from .sub_workflow import SubWorkflowNode
from .task_node import TaskNode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..model.outcome import Failure, Outcome
    from .protocols import GraphScope, RunScope, Startable

__all__ = ["NodeFactory"]

_KINDS: dict[str, type[NodeRun]] = {
    "task_node": TaskNode,
    "branch_node": BranchNode,
    "gate_node": GateNode,
    "array_node": ArrayNode,
}


class UnknownNode(NodeRun):
    """A kind of node that this release does not know."""

    def begin(self) -> None:
        """Fails the node by name."""
        self.end(unsupported(f"node {self.node.id!r} of kind {self.node.WhichOneof('target')!r}"))


class NodeFactory:
    """Makes nodes and graphs; see `protocols.Factory`."""

    def node(
        self,
        graph: GraphScope,
        node: Any,
        *,
        parent: str | None,
        attempt: int,
        within: Path | None,
        on_end: Callable[[Outcome], None],
        failure: Failure | None = None,
    ) -> Startable:
        """The state machine for a node, by its target."""
        target = node.WhichOneof("target")
        kind: type[NodeRun] = _KINDS.get(target, UnknownNode)
        if target == "workflow_node":
            sub = node.workflow_node.WhichOneof("reference") == "sub_workflow_ref"
            kind = SubWorkflowNode if sub else LaunchPlanNode
        return kind(graph, node, parent=parent, attempt=attempt, within=within, on_end=on_end, failure=failure)

    def graph(
        self,
        run: RunScope,
        template: Any,
        inputs: Any,
        *,
        on_end: Callable[[Outcome], None],
        on_failing: Callable[[Failure], None] | None = None,
        parent: str | None = None,
        attempt: int = 0,
        within: Path | None = None,
        generated: bool = False,
    ) -> Startable:
        """A workflow to be executed."""
        return Graph(
            run,
            template,
            inputs,
            on_end=on_end,
            on_failing=on_failing,
            parent=parent,
            attempt=attempt,
            within=within,
            generated=generated,
        )
