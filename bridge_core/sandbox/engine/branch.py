"""Branch nodes: one of several nodes is chosen by conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..model.outcome import Cancelled, Failure
from .conditions import MALFORMED, holds
from .node import NodeRun

if TYPE_CHECKING:
    from .protocols import Startable

__all__ = ["BranchNode"]


class BranchNode(NodeRun):
    """Chooses one of several nodes; its outputs are the branch's. Of the others there is no record."""

    going_at_once = False
    stopped_in_time = False
    _arm: Startable | None = None

    def begin(self) -> None:
        """Evaluates the conditions in order and starts the first that holds."""
        block = self.node.branch_node.if_else
        local = self.run.context.layout.local
        chosen = next(
            (one.then_node for one in [block.case, *block.other] if holds(one.condition, self.inputs, local)), None
        )
        if chosen is None:
            if block.WhichOneof("default") == "error":
                raise Failure("UserProvidedError", f"[UserProvidedError] {block.error.message}")
            if block.WhichOneof("default") != "else_node":
                raise Failure(MALFORMED, f"[{MALFORMED}] No branch satisfied")
            chosen = block.else_node
        self.record.is_parent()
        self.going()
        self._arm = self.run.factory.node(
            self.graph,
            chosen,
            parent=self.unique_id,
            attempt=self.attempts_failed,
            within=self.output_prefix,
            on_end=self.end,
        )
        self._arm.start()

    def stop(self) -> None:
        """Cancels the chosen node."""
        if self._arm is not None:
            self._arm.cancel(self.reason)
        else:
            self.end(Cancelled(self.reason))

    def leave_inside(self) -> None:
        """Lets the chosen node go on by itself."""
        if self._arm is not None:
            self._arm.leave()
