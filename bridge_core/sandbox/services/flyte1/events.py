"""AdminService: the events by which an engine tells what became of runs. The sandbox's own engine writes without them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import event_pb2

from ...admin.node_events import record_node_event
from ...admin.run_events import record_run_event
from ...admin.task_events import record_task_event

if TYPE_CHECKING:
    from ...admin.context import Admin

__all__ = ["EventHandlers"]


class EventHandlers:
    """Handlers by RPC name; see flyteidl's ``service/admin.proto``."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin

    def CreateWorkflowEvent(self, request: Any) -> Any:
        """A run has another phase."""
        record_run_event(self._admin, request)
        return event_pb2.WorkflowExecutionEventResponse()

    def CreateNodeEvent(self, request: Any) -> Any:
        """A node began, or has another phase."""
        record_node_event(self._admin, request)
        return event_pb2.NodeExecutionEventResponse()

    def CreateTaskEvent(self, request: Any) -> Any:
        """An attempt began, or has another phase, or more is known of it."""
        record_task_event(self._admin, request)
        return event_pb2.TaskExecutionEventResponse()
