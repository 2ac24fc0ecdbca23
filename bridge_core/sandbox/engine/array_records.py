"""How each attempt of each item of an array is doing, in the array's one task execution.

One external resource for each (index, attempt), as in flytepropeller ``nodes/array/event_recorder.go``: an item that has not
been started has no phase, and an attempt that was not the last keeps the one it ended in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.core import execution_pb2

from ..model.ids import pod_name
from ..model.outcome import Cancelled, Done, Outcome

if TYPE_CHECKING:
    from .recorder import TaskRecord

__all__ = ["ItemRecords"]

_Task = execution_pb2.TaskExecution


class ItemRecords:
    """The external resources of one array.

    Args:
        record: Its task execution.
        execution: Name of the execution.
        node_id: Unique id of the node.
    """

    def __init__(self, record: TaskRecord, execution: str, node_id: str) -> None:
        self.record = record
        self._execution = execution
        self._node_id = node_id
        resources = record.message.closure.metadata.external_resources
        self._known = {(one.index, one.retry_attempt): one for one in resources}

    def begin(self, size: int) -> None:
        """Says how many items there are."""
        for index in range(size):
            self._of(index, 0)
        if size:
            self.record.running()
        else:
            self.record.save()

    def attempt(self, index: int, attempt: int, phase: int) -> None:
        """An attempt of an item is in this phase."""
        before = self._known.get((index, attempt - 1))
        if before is not None and before.phase in (_Task.QUEUED, _Task.RUNNING):
            before.phase = _Task.ABORTED  # a restart has interrupted it
        self._of(index, attempt).phase = phase
        if phase == _Task.RUNNING:  # the rest is written with what comes next: one record holds all items
            self.record.save()

    def ended(self, index: int, attempt: int, outcome: Outcome, cache_status: int) -> None:
        """An item has ended with this attempt."""
        resource = self._of(index, attempt)
        if isinstance(outcome, Done):
            resource.phase = _Task.SUCCEEDED
        elif not isinstance(outcome, Cancelled):
            resource.phase = _Task.FAILED
        elif resource.phase != _Task.UNDEFINED:
            resource.phase = _Task.ABORTED
        resource.cache_status = cache_status
        self.record.save()

    def _of(self, index: int, attempt: int) -> Any:
        found = self._known.get((index, attempt))
        if found is None:
            resources = self.record.message.closure.metadata.external_resources
            at = next((n for n, one in enumerate(resources) if (one.index, one.retry_attempt) > (index, attempt)), None)
            name = pod_name(self._execution, self._node_id, attempt, index)
            resource = resources.add(external_id=name, index=index, retry_attempt=attempt)
            if at is not None:  # in order of items and attempts
                kept = list(resources)
                del resources[:]
                resources.extend([*kept[:at], resource, *kept[at:-1]])
            self._known = {(one.index, one.retry_attempt): one for one in resources}
            found = self._known[index, attempt]
        return found
