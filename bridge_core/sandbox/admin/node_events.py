"""CreateNodeEvent: what FlytePropeller tells of a node, and what FlyteAdmin makes of it.

After flyteadmin ``node_execution_manager.go`` and ``repositories/transformers/node_execution.go``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import node_execution_pb2
from flyteidl.core import execution_pb2, identifier_pb2

from ..model.go_text import go_text
from ..model.ids import enum_name
from ..model.status import Rejected
from .event_data import store_end, store_inputs
from .run_events import already_ended, check_cluster

if TYPE_CHECKING:
    from .context import Admin

__all__ = ["record_node_event"]

_Phase = execution_pb2.NodeExecution
_ENDED = frozenset(
    {_Phase.ABORTED, _Phase.FAILED, _Phase.RECOVERED, _Phase.SKIPPED, _Phase.SUCCEEDED, _Phase.TIMED_OUT}
)


def record_node_event(admin: Admin, request: Any) -> None:
    """Takes one event, or says why not. What is wrong with its form FlyteAdmin only logs.

    Raises:
        Rejected: NOT_FOUND without the run, ALREADY_EXISTS for a known phase, FAILED_PRECONDITION for a node that has ended.
    """
    event = request.event
    run = event.id.execution_id
    try:
        execution = admin.executions.get(run)
    except Rejected as rejected:
        text = f"Failed to get existing execution id: [{go_text(run)}] with err: {rejected.message}"
        raise Rejected(rejected.code, text) from None
    check_cluster(execution, event.producer_id)
    dynamic = (
        event.task_node_metadata.dynamic_workflow if event.task_node_metadata.HasField("dynamic_workflow") else None
    )
    with admin.database.transaction():
        record = admin.nodes.find(run, event.id.node_id)
        parent, parent_task = "", None
        if record is None:
            parent, parent_task = _parents(admin, event)
            record = _created(event)
        else:
            _check(admin, record, event)
            _link_child(admin, record, event)
        inputs, outputs = _apply(admin, record, event)
        admin.nodes.save(record, parent=parent, parent_task=parent_task)
        compiled = dynamic.compiled_workflow if dynamic is not None else None
        admin.nodes.save_data(event.id, inputs=inputs, outputs=outputs, dynamic=compiled)


def _parents(admin: Admin, event: Any) -> tuple[str, int | None]:
    task_row = None
    if event.HasField("parent_task_metadata"):
        task_row = int(admin.nodes.task_row(event.parent_task_metadata.id)["id"])
    parent = event.parent_node_metadata.node_id
    if event.HasField("parent_node_metadata"):
        admin.nodes.row(identifier_pb2.NodeExecutionIdentifier(node_id=parent, execution_id=event.id.execution_id))
    return parent, task_row


def _created(event: Any) -> Any:
    record = node_execution_pb2.NodeExecution(id=event.id)
    record.metadata.retry_group = event.retry_group
    record.metadata.spec_node_id = event.spec_node_id
    record.closure.created_at.CopyFrom(event.occurred_at)
    return record


def _check(admin: Admin, record: Any, event: Any) -> None:
    was, becomes = enum_name(_Phase.Phase, record.closure.phase), enum_name(_Phase.Phase, event.phase)
    if record.closure.phase == event.phase:
        raise Rejected("ALREADY_EXISTS", f"This phase was already recorded {was} for {go_text(event.id)}")
    if record.closure.phase in _ENDED:
        row = admin.nodes.row(event.id)["id"]
        raise already_ended(f"Invalid phase change from {was} to {becomes} for node execution {row}", becomes)


def _link_child(admin: Admin, record: Any, event: Any) -> None:
    if not event.HasField("workflow_node_metadata"):
        return
    child = event.workflow_node_metadata.execution_id
    admin.executions.get(child)
    if not record.closure.HasField("workflow_node_metadata"):
        record.closure.workflow_node_metadata.executionId.CopyFrom(child)


def _apply(admin: Admin, record: Any, event: Any) -> tuple[Any, Any]:
    """Writes the event into the record; inputs and outputs that came with it."""
    closure = record.closure
    closure.phase = event.phase
    reported = event.reported_at if event.reported_at.ToNanoseconds() else event.occurred_at
    closure.updated_at.CopyFrom(reported)
    inputs = store_inputs(admin, record, event, _keys(event))
    outputs = None
    if event.phase == _Phase.RUNNING:
        closure.started_at.CopyFrom(event.occurred_at)
        closure.deck_uri = event.deck_uri
    if event.phase in _ENDED:
        closure.deck_uri = event.deck_uri
        outputs = store_end(admin, closure, event, _keys(event))
    if event.HasField("task_node_metadata"):
        _task_metadata(closure, event.task_node_metadata)
    metadata = record.metadata
    metadata.is_parent_node = metadata.is_parent_node or event.is_parent
    metadata.is_dynamic = metadata.is_dynamic or event.is_dynamic
    metadata.is_array = metadata.is_array or event.is_array
    return inputs, outputs


def _task_metadata(closure: Any, metadata: Any) -> None:
    target = closure.task_node_metadata
    target.Clear()
    target.checkpoint_uri = metadata.checkpoint_uri
    closure.task_node_metadata.SetInParent()
    if metadata.HasField("catalog_key"):
        target.cache_status = metadata.cache_status
        target.catalog_key.CopyFrom(metadata.catalog_key)
    if metadata.dynamic_workflow.dynamic_job_spec_uri:
        closure.dynamic_job_spec_uri = metadata.dynamic_workflow.dynamic_job_spec_uri


def _keys(event: Any) -> tuple[str, str, str, str]:
    run = event.id.execution_id
    return run.project, run.domain, run.name, event.id.node_id
