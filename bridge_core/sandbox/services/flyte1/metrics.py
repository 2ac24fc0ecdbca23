"""AdminService: GetExecutionMetrics, as much of it as one machine knows: when the run and its nodes began and ended.

FlyteAdmin (``pkg/manager/impl/metrics_manager.go``) also tells setup, overhead and teardown apart, which do not exist here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import execution_pb2
from flyteidl.core import metrics_pb2

from ...model.times import now

if TYPE_CHECKING:
    from ...engine.engine import Engine

__all__ = ["MetricsHandlers"]


class MetricsHandlers:
    """Handlers by RPC name."""

    def __init__(self, engine: Engine) -> None:
        self._executions = engine.executions
        self._nodes = engine.nodes

    def GetExecutionMetrics(self, request: Any) -> Any:
        """Spans of the run and, down to ``depth``, of its nodes."""
        execution = self._executions.get(request.id)
        root = _span(execution.closure.created_at, execution.closure)
        root.workflow_id.CopyFrom(request.id)
        spans = {"": root}
        levels = {"": 0}
        parents = self._nodes.parents_of(request.id)
        for node in self._nodes.all_of(request.id):
            parent = parents[node.id.node_id]
            if parent not in spans or levels[parent] >= request.depth:
                continue
            span = _span(node.closure.started_at, node.closure)
            span.node_id.CopyFrom(node.id)
            spans[node.id.node_id] = spans[parent].spans.add()
            spans[node.id.node_id].CopyFrom(span)
            levels[node.id.node_id] = levels[parent] + 1
        return execution_pb2.WorkflowExecutionGetMetricsResponse(span=root)


def _span(start: Any, closure: Any) -> Any:
    """From its start to its end, or to now."""
    span = metrics_pb2.Span(start_time=start)
    span.end_time.CopyFrom(closure.updated_at if closure.duration.ByteSize() else now())
    return span
