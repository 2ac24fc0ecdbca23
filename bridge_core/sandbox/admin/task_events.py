"""CreateTaskEvent: what FlytePropeller tells of an attempt, and what FlyteAdmin makes of it.

After flyteadmin ``task_execution_manager.go`` and ``repositories/transformers/task_execution.go``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import task_execution_pb2
from flyteidl.core import execution_pb2

from ..model.go_text import go_text
from ..model.ids import enum_name
from ..model.status import Rejected
from ..validation.requests import missing, task_execution_checked
from .event_data import store_end, store_inputs
from .run_events import already_ended, check_cluster, check_output

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .context import Admin

__all__ = ["record_task_event"]

_Phase = execution_pb2.TaskExecution
_ENDED = frozenset({_Phase.SUCCEEDED, _Phase.FAILED, _Phase.ABORTED})
_PENDING = frozenset({_Phase.QUEUED, _Phase.INITIALIZING})


def record_task_event(admin: Admin, request: Any) -> None:
    """Takes one event, or says why not.

    Raises:
        Rejected: NOT_FOUND without the run or the node, ALREADY_EXISTS for what is known, FAILED_PRECONDITION after the end.
    """
    if not request.HasField("event"):
        raise missing("event")
    event = request.event
    if not event.HasField("occurred_at"):
        raise missing("occurred_at")
    check_output(event)
    attempt = _attempt(event)
    check_cluster(admin.executions.get(event.parent_node_execution_id.execution_id), event.producer_id)
    with admin.database.transaction():
        record = admin.nodes.find_task(attempt)
        new = record is None
        if record is None:
            _check_node(admin, event)
            record = task_execution_pb2.TaskExecution(id=attempt)
            record.closure.created_at.CopyFrom(event.occurred_at)
            record.closure.task_type = event.task_type
        else:
            _check(admin, record, event)
        inputs, outputs = _apply(admin, record, event, new=new)
        admin.nodes.save_task(record, inputs=inputs, outputs=outputs, phase_version=event.phase_version)


def _attempt(event: Any) -> Any:
    named = task_execution_pb2.TaskExecutionGetRequest()
    named.id.SetInParent()
    if event.HasField("task_id"):
        named.id.task_id.CopyFrom(event.task_id)
    if event.HasField("parent_node_execution_id"):
        named.id.node_execution_id.CopyFrom(event.parent_node_execution_id)
    named.id.retry_attempt = event.retry_attempt
    return task_execution_checked(named)


def _check_node(admin: Admin, event: Any) -> None:
    node = event.parent_node_execution_id
    if admin.nodes.find(node.execution_id, node.node_id) is None:
        text = f"Failed to get existing node execution id: [{go_text(node)}] with err: entry not found"
        raise Rejected("NOT_FOUND", text)


def _check(admin: Admin, record: Any, event: Any) -> None:
    was, becomes = enum_name(_Phase.Phase, record.closure.phase), enum_name(_Phase.Phase, event.phase)
    which = go_text(record.id)
    if record.closure.phase == event.phase and admin.nodes.task_row(record.id)["phase_version"] >= event.phase_version:
        text = f"have already recorded task execution phase {becomes} (version: {event.phase_version}) for {which}"
        raise Rejected("ALREADY_EXISTS", text)
    if record.closure.phase in _ENDED:
        raise already_ended(f"invalid phase change from {was} to {becomes} for task execution {which}", becomes)


def _apply(admin: Admin, record: Any, event: Any, *, new: bool) -> tuple[Any, Any]:
    """Writes the event into the record; inputs and outputs that came with it."""
    closure = record.closure
    changed = new or closure.phase != event.phase
    closure.phase = event.phase
    closure.updated_at.CopyFrom(event.reported_at if event.reported_at.ToNanoseconds() else event.occurred_at)
    closure.event_version = max(closure.event_version, event.event_version)
    inputs = store_inputs(admin, record, event, _keys(event))
    _reasons(closure, event, new=new)
    if event.phase == _Phase.RUNNING and changed and not closure.HasField("started_at"):
        closure.started_at.CopyFrom(event.occurred_at)
    outputs = store_end(admin, closure, event, _keys(event)) if event.phase in _ENDED else None
    logs = _merged_logs(closure.logs, event.logs)
    _set_logs(closure, logs if new else _visible(logs, event.phase))
    if event.HasField("custom_info"):
        _merge_struct(closure.custom_info, event.custom_info)
    if event.HasField("metadata"):
        _merge_metadata(closure, event.metadata)
    if changed and not new:
        for resource in closure.metadata.external_resources:
            _set_logs(resource, _visible(resource.logs, event.phase))
    return inputs, outputs


def _reasons(closure: Any, event: Any, *, new: bool) -> None:
    if event.reasons:
        for reason in event.reasons:
            closure.reasons.add(message=reason.reason).occurred_at.CopyFrom(reason.occurred_at)
        closure.reason = event.reasons[-1].reason
    elif event.reason:
        if new or closure.reason != event.reason:
            closure.reasons.add(message=event.reason).occurred_at.CopyFrom(event.occurred_at)
        closure.reason = event.reason


def _merged_logs(existing: Iterable[Any], latest: Iterable[Any]) -> list[Any]:
    """The latest ones, then those before whose address and name are not among them."""
    kept, new = list(existing), list(latest)
    uris, names = {log.uri for log in new}, {log.name for log in new if log.name}
    return [*new, *(log for log in kept if log.uri not in uris and log.name not in names)]


def _visible(logs: Iterable[Any], phase: int) -> list[Any]:
    """What is worth a look in a phase: some logs are for the time before the end, most for after the start."""
    return [
        log
        for log in logs
        if not (phase in _ENDED and log.HideOnceFinished) and not (phase in _PENDING and not log.ShowWhilePending)
    ]


def _set_logs(holder: Any, logs: list[Any]) -> None:
    copies = [type(log).FromString(log.SerializeToString()) for log in logs]
    del holder.logs[:]
    holder.logs.extend(copies)


def _merge_struct(existing: Any, latest: Any) -> None:
    """A JSON merge patch: null removes, objects are merged, all else replaces."""
    for name, value in latest.fields.items():
        kind = value.WhichOneof("kind")
        if kind == "null_value":
            existing.fields.pop(name, None)
        elif kind == "struct_value" and existing.fields[name].WhichOneof("kind") == "struct_value":
            _merge_struct(existing.fields[name].struct_value, value.struct_value)
        else:
            existing.fields[name].CopyFrom(value)
    existing.SetInParent()


def _merge_metadata(closure: Any, latest: Any) -> None:
    if not closure.HasField("metadata"):
        closure.metadata.CopyFrom(latest)
        resources = sorted(closure.metadata.external_resources, key=_place)
        _set_resources(closure.metadata, resources)
        return
    existing = closure.metadata
    existing.generated_name = latest.generated_name or existing.generated_name
    existing.plugin_identifier = latest.plugin_identifier or existing.plugin_identifier
    existing.instance_class = latest.instance_class or existing.instance_class
    del existing.resource_pool_info[:]
    existing.resource_pool_info.extend(latest.resource_pool_info)
    known = {_place(one): one for one in existing.external_resources}
    for resource in latest.external_resources:
        if _place(resource) in known:
            _merge_resource(known[_place(resource)], resource)
        else:
            known[_place(resource)] = resource
    _set_resources(existing, [known[place] for place in sorted(known)])


def _merge_resource(existing: Any, latest: Any) -> None:
    existing.external_id = latest.external_id or existing.external_id
    existing.phase = latest.phase
    existing.cache_status = latest.cache_status or existing.cache_status
    _set_logs(existing, _merged_logs(existing.logs, latest.logs))
    if "custom_info" in latest.DESCRIPTOR.fields_by_name and latest.HasField("custom_info"):
        existing.custom_info.CopyFrom(latest.custom_info)


def _set_resources(metadata: Any, resources: list[Any]) -> None:
    copies = [type(one).FromString(one.SerializeToString()) for one in resources]
    del metadata.external_resources[:]
    metadata.external_resources.extend(copies)


def _place(resource: Any) -> tuple[int, int]:
    return resource.index, resource.retry_attempt


def _keys(event: Any) -> tuple[str, ...]:
    node, task = event.parent_node_execution_id, event.task_id
    run = node.execution_id
    where = (run.project, run.domain, run.name, node.node_id)
    return (*where, task.project, task.domain, task.name, task.version, str(event.retry_attempt))
