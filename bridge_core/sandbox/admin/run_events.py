"""CreateWorkflowEvent: what FlytePropeller tells of a run, and which of it FlyteAdmin takes (``execution_manager.go``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import event_pb2
from flyteidl.core import execution_pb2 as core_execution_pb2

from ..model.go_text import go_text
from ..model.ids import enum_name
from ..model.status import Rejected
from ..store.executions import TERMINAL

if TYPE_CHECKING:
    from .context import Admin

__all__ = ["PROPELLER", "already_ended", "check_cluster", "check_output", "record_run_event"]

PROPELLER = "propeller"
"""The name by which a FlytePropeller that knows no cluster calls itself."""

_Phase = core_execution_pb2.WorkflowExecution
_REASSIGNABLE = (_Phase.UNDEFINED, _Phase.QUEUED)
_MOST_BYTES = 2 << 20  # of inline outputs: remoteData.maxSizeInBytes of the default configuration


def record_run_event(admin: Admin, request: Any) -> None:
    """Takes one event, or says why not.

    Raises:
        Rejected: ALREADY_EXISTS for a phase that is known already, FAILED_PRECONDITION for one that cannot follow.
    """
    if not request.HasField("event"):
        raise Rejected("INVALID_ARGUMENT", "Workflow event handler was called without event")
    event = request.event
    if not event.HasField("execution_id"):
        text = f"Workflow event handler request event doesn't have an execution id - {go_text(event)}"
        raise Rejected("INVALID_ARGUMENT", text)
    check_output(event)
    with admin.database.transaction():
        execution = admin.executions.get(event.execution_id)
        _check(execution, event)
        closure = execution.closure
        closure.phase = event.phase
        if event.phase == _Phase.RUNNING:
            closure.started_at.CopyFrom(event.occurred_at)
        _assign_cluster(admin, execution, event)
        outputs = _set_result(admin, execution, event)
        if not event.HasField("occurred_at"):
            raise Rejected("INTERNAL", "Failed to parse OccurredAt: timestamp: nil Timestamp")
        admin.executions.save(execution, outputs=outputs, at=event.occurred_at)


def already_ended(text: str, phase: str) -> Rejected:
    """FAILED_PRECONDITION: nothing can follow."""
    reason = event_pb2.EventFailureReason()
    reason.already_in_terminal_state.current_phase = phase
    return Rejected("FAILED_PRECONDITION", text, reason)


def check_cluster(execution: Any, producer: str) -> None:
    """Refuses events of a cluster that does not run the execution."""
    cluster = execution.spec.metadata.system_metadata.execution_cluster
    if producer in ("", PROPELLER, cluster):
        return
    text = (
        f"Cluster/producer from event [{producer}] does not match existing workflow execution clusterInDB: [{cluster}]"
    )
    raise _other_cluster(text, producer)


def check_output(event: Any) -> None:
    """Refuses outputs that are too large to come with an event."""
    size = event.output_data.ByteSize() if event.HasField("output_data") else 0
    if size > _MOST_BYTES:
        text = f"Output data size exceeds platform configured threshold ({size} > {_MOST_BYTES})"
        raise Rejected("RESOURCE_EXHAUSTED", text)


def _check(execution: Any, event: Any) -> None:
    now, then = execution.closure.phase, event.phase
    was, becomes = enum_name(_Phase.Phase, now), enum_name(_Phase.Phase, then)
    which = go_text(event.execution_id)
    if then != _Phase.QUEUED:  # events of a new cluster may say QUEUED again
        if now == then:
            raise Rejected("ALREADY_EXISTS", f"This phase {was} was already recorded for workflow execution {which}")
        check_cluster(execution, event.producer_id)
    if now in TERMINAL:
        raise already_ended(f"Invalid phase change from {was} to {becomes} for workflow execution {which}", was)
    if now == _Phase.RUNNING and then == _Phase.QUEUED:
        raise Rejected("FAILED_PRECONDITION", f"Cannot go from {was} to {becomes} for workflow execution {which}")
    if now == _Phase.ABORTING and then not in TERMINAL:
        text = f"Invalid phase change from aborting to {becomes} for workflow execution {which}"
        raise Rejected("FAILED_PRECONDITION", text)


def _assign_cluster(admin: Admin, execution: Any, event: Any) -> None:
    if event.producer_id in ("", PROPELLER):
        return
    system = execution.spec.metadata.system_metadata
    if event.phase in _REASSIGNABLE:
        system.execution_cluster = event.producer_id
        admin.executions.assign_cluster(execution)
    elif system.execution_cluster != event.producer_id:
        which = go_text(event.execution_id)
        text = f"Cannot accept events for running/terminated execution [{which}] from cluster [{event.producer_id}],"
        found = system.execution_cluster
        raise _other_cluster(f"{text}expected events to originate from [{found}]", found)


def _set_result(admin: Admin, execution: Any, event: Any) -> Any:
    """Puts outputs or error into the closure; the outputs when they came with the event."""
    kind = event.WhichOneof("output_result")
    closure = execution.closure
    if kind == "output_uri" and event.output_uri:
        closure.outputs.uri = event.output_uri
    elif kind == "output_data":
        run = event.execution_id
        uri = admin.offloaded.write(event.output_data, run.project, run.domain, run.name, "offloaded_outputs")
        closure.outputs.uri = uri
        return event.output_data
    elif kind == "error":
        closure.error.CopyFrom(event.error)
    return None


def _other_cluster(text: str, cluster: str) -> Rejected:
    reason = event_pb2.EventFailureReason()
    reason.incompatible_cluster.cluster = cluster
    return Rejected("FAILED_PRECONDITION", text, reason)
