"""Sub-workflow nodes: another workflow inside this execution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..compiler.shape import identifier_key
from ..model.outcome import Cancelled, Failure
from .node import NodeRun
from .stub_run import StubExecution

if TYPE_CHECKING:
    from .protocols import Startable

__all__ = ["SubWorkflowNode"]


class SubWorkflowNode(NodeRun):
    """Runs another workflow inside this execution."""

    is_parent = True
    stopped_in_time = False
    _graph: Startable | StubExecution | None = None

    def begin(self) -> None:
        """Starts the sub-workflow's graph."""
        reference = self.node.workflow_node.sub_workflow_ref
        stub = self.run.context.stubs.find(reference.project, reference.domain, reference.name)
        if stub is not None:
            self._graph = StubExecution(self.run, stub, self.unique_id, self.end)
            return
        template = self.run.workflows.get(identifier_key(reference))
        if template is None:
            raise Failure(
                "SubWorkflowNotFound", f"sub-workflow {reference.name!r} is not part of the compiled workflow"
            )
        self._graph = graph = self.run.factory.graph(
            self.run,
            template,
            self.inputs,
            on_end=self.end,
            parent=self.unique_id,
            attempt=self.attempts_failed,
            within=self.output_prefix,
        )
        graph.start()

    def stop(self) -> None:
        """Cancels the graph."""
        if self._graph is not None:
            self._graph.cancel(self.reason)
        else:
            self.end(Cancelled(self.reason))

    def leave_inside(self) -> None:
        """Lets what is inside go on by itself."""
        if self._graph is not None:
            self._graph.leave()
