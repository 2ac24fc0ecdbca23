"""AdminService: GetExecutionMetrics, where the time of a run went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import execution_pb2

from ...admin.metrics import span_of_run
from ...validation.requests import run_checked

if TYPE_CHECKING:
    from ...admin.context import Admin

__all__ = ["MetricsHandlers"]


class MetricsHandlers:
    """Handlers by RPC name."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin

    def GetExecutionMetrics(self, request: Any) -> Any:
        """Spans of the run and, down to ``depth``, of what is in it."""
        execution = self._admin.executions.get(run_checked(request))
        return execution_pb2.WorkflowExecutionGetMetricsResponse(
            span=span_of_run(self._admin, execution, request.depth)
        )
