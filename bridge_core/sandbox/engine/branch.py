"""Branch nodes: one of several nodes is chosen by conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..compiler.shape import branch_arms
from ..model.ids import unique_node_id
from ..model.outcome import CANCELLED, Failure
from .conditions import holds
from .node import NodeRun

if TYPE_CHECKING:
    from .protocols import Startable

__all__ = ["BranchNode"]


class BranchNode(NodeRun):
    """Chooses one of several nodes; its outputs are the branch's."""

    is_parent = True
    _arm: Startable | None = None

    def begin(self) -> None:
        """Evaluates the conditions in order and starts the first that holds."""
        block = self.node.branch_node.if_else
        local = self.run.context.layout.local
        chosen = next(
            (one.then_node for one in [block.case, *block.other] if holds(one.condition, self.inputs, local)), None
        )
        if chosen is None:
            if block.WhichOneof("default") != "else_node":
                message = block.error.message or f"no condition of branch {self.node.id!r} holds and there is no else"
                raise Failure("UserProvidedError", message, node_id=block.error.failed_node_id)
            chosen = block.else_node
        for arm in branch_arms(self.node.branch_node):
            unique = unique_node_id(self.unique_id, 0, arm.id)
            if arm.id != chosen.id and self.run.history.record(unique) is None:
                recorder = self.run.context.recorder
                recorder.node(self.run.id, arm, unique, self.unique_id, is_parent=False, is_array=False).skipped()
        self._arm = self.run.factory.node(self.graph, chosen, parent=self.unique_id, attempt=0, on_end=self.end)
        self._arm.start()

    def stop(self) -> None:
        """Cancels the chosen node."""
        if self._arm is not None:
            self._arm.cancel()
        else:
            self.end(CANCELLED)
