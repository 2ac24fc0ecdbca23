"""FlyteAdmin's node and task executions -> our values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.core import catalog_pb2
from flyteidl.core import execution_pb2 as core_execution_pb2

from ...model.nodes import Attempt, LogLink, NodeSnapshot, SpanMetric
from .convert import entity_of, error_of, length, run_ref, when

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["attempt", "node", "span"]

_BOUNDARY = frozenset({"start-node", "end-node"})


def is_boundary(message: Any) -> bool:
    """Whether this is one of the two nodes that every workflow has and nobody wrote."""
    return message.metadata.spec_node_id in _BOUNDARY or message.id.node_id in _BOUNDARY


def has_children(message: Any) -> bool:
    """Whether other nodes run inside it. Array nodes keep their items in one task execution instead."""
    return bool(message.metadata.is_parent_node)


def is_compound(message: Any) -> bool:
    """Whether what it takes and gives is not what its task does: a map, a sub-workflow, a dynamic task, another run."""
    metadata = message.metadata
    return bool(metadata.is_array or metadata.is_parent_node or message.closure.HasField("workflow_node_metadata"))


def node_phase(value: int) -> str:
    """Flyte's word for a phase of a node."""
    return _name(core_execution_pb2.NodeExecution.Phase, value)


def node(message: Any, children: tuple[NodeSnapshot, ...] = (), attempts: tuple[Attempt, ...] = ()) -> NodeSnapshot:
    """A ``NodeExecution``."""
    closure, metadata = message.closure, message.metadata
    child = closure.workflow_node_metadata.executionId if closure.HasField("workflow_node_metadata") else None
    kind = (
        "run"
        if child is not None
        else "array"
        if metadata.is_array
        else "dynamic"
        if metadata.is_dynamic
        else "parent"
        if metadata.is_parent_node
        else "task"
    )
    cache = closure.task_node_metadata.cache_status if closure.HasField("task_node_metadata") else 0
    started, ended = _times(closure)
    return NodeSnapshot(
        id=message.id.node_id,
        name=metadata.spec_node_id or message.id.node_id,
        phase=node_phase(closure.phase),
        kind=kind,
        created_at=when(closure.created_at),
        started_at=started,
        ended_at=ended,
        error=error_of(closure),
        cache_status=_name(catalog_pb2.CatalogCacheStatus, cache) if cache else None,
        deck_uri=closure.deck_uri or None,
        child_run=run_ref(child) if child is not None else None,
        attempts=attempts,
        children=children,
    )


def attempt(message: Any) -> Attempt:
    """A ``TaskExecution``."""
    closure = message.closure
    started, ended = _times(closure)
    number, name = message.id.retry_attempt, message.id.node_execution_id.node_id
    phases = core_execution_pb2.TaskExecution.Phase
    items = _last_of_each(closure.metadata.external_resources)
    logs = [LogLink(name=log.name, uri=log.uri, node=name, attempt=number) for log in closure.logs]
    for item in closure.metadata.external_resources if items else ():
        logs += [LogLink(name=log.name, uri=log.uri, node=name, attempt=number, item=item.index) for log in item.logs]
    return Attempt(
        number=number,
        phase=_name(phases, closure.phase),
        task=entity_of(message.id.task_id),
        started_at=started,
        ended_at=ended,
        error=error_of(closure),
        logs=tuple(logs),
        items=tuple(_name(phases, item.phase) for item in items),
        item_attempts=tuple(item.retry_attempt + 1 for item in items),
    )


def _last_of_each(resources: Any) -> list[Any]:
    """The last try of each item of a map, by index: FlytePropeller reports each try of each (array/event_recorder.go)."""
    last: dict[int, Any] = {}
    for item in resources:
        known = last.get(item.index)
        if known is None or item.retry_attempt >= known.retry_attempt:
            last[item.index] = item
    return [last[index] for index in sorted(last)]


def span(message: Any) -> SpanMetric:
    """A ``Span`` of GetExecutionMetrics."""
    which = message.WhichOneof("id")
    name = {
        "workflow_id": lambda: message.workflow_id.name,
        "node_id": lambda: message.node_id.node_id,
        "task_id": lambda: message.task_id.task_id.name,
        "operation_id": lambda: message.operation_id,
    }.get(which or "", lambda: "")()
    return SpanMetric(
        name=name,
        started_at=when(message.start_time),
        ended_at=when(message.end_time),
        children=tuple(span(child) for child in message.spans),
    )


def _times(closure: Any) -> tuple[datetime | None, datetime | None]:
    started = when(closure.started_at)
    if started is None:
        return None, None
    lasted = length(closure.duration)
    return started, started + lasted if lasted else None


def _name(enum: Any, value: int) -> str:
    try:
        name: str = enum.Name(value)
    except ValueError:
        return f"UNKNOWN({value})"
    return name
