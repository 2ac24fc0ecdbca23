"""Flyte 2's actions -> our nodes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flyteidl.core import types_pb2
from flyteidl2.core import catalog_pb2

from ...model.ids import EntityRef
from ...model.nodes import Attempt, LogLink, NodeSnapshot, SpanMetric
from .convert import ROOT, error_of, launched_from, phase_name, phase_of, when

__all__ = ["attempt", "literal_type", "name_of", "spans", "tree"]


def tree(listed: Mapping[str, Any], named: Mapping[str, Any], root: Any) -> tuple[NodeSnapshot, ...]:
    """The actions as a tree, in the order of the list.

    Args:
        listed: Id -> ``Action`` with its parent and status.
        named: Id -> ``Action`` with its names, of as many as are known.
        root: ``ActionDetails`` of the run itself.
    """
    children: dict[str, list[str]] = {}
    for name, action in listed.items():
        parent = action.metadata.parent
        children.setdefault(parent if parent in listed and parent != name else "", []).append(name)

    def node(name: str) -> NodeSnapshot:
        action, known = listed[name], named.get(name, listed[name])
        below = tuple(node(child) for child in children.get(name, ()))
        report = root.attempts[-1].outputs.report_uri if name == ROOT and root is not None and root.attempts else ""
        status = action.status
        ended = when(status.end_time) if status.HasField("end_time") and phase_of(status.phase).is_terminal else None
        failed = name == ROOT and root is not None and root.WhichOneof("result") == "error_info"
        return NodeSnapshot(
            id=name,
            name=name_of(known),
            phase=phase_name(status.phase),
            kind=known.metadata.WhichOneof("spec") or ("parent" if below else "task"),
            started_at=when(status.start_time),
            ended_at=ended,
            error=error_of(root) if failed else None,
            cache_status=_cache(status.cache_status),
            deck_uri=report or None,
            children=below,
        )

    return tuple(node(name) for name in children.get("", ()))


def name_of(action: Any) -> str:
    """What people call it: its task's short name, else the function's, else its id."""
    metadata = action.metadata
    spec = metadata.WhichOneof("spec")
    told = metadata.task.short_name if spec == "task" else getattr(metadata, spec).name if spec else ""
    return told or metadata.funtion_name or action.id.name


def attempt(details: Any, item: Any) -> Attempt:
    """One ``ActionAttempt``. Flyte 2 counts from 1."""
    number = item.attempt - 1 if item.attempt else 0
    name = details.id.name
    run = details.id.run
    nothing = EntityRef.task(name_of(details), project=run.project, domain=run.domain)
    return Attempt(
        number=number,
        phase=phase_name(item.phase),
        task=launched_from(details.metadata) or nothing,
        started_at=when(item.start_time),
        ended_at=when(item.end_time) if item.HasField("end_time") else None,
        error=error_of(item) if item.HasField("error_info") else None,
        logs=tuple(LogLink(name=log.name, uri=log.uri, node=name, attempt=number) for log in item.log_info),
    )


def spans(run: str, found: Iterable[Any]) -> SpanMetric:
    """How long each action was in which phase, from the transitions of its attempts."""
    parts = []
    for details in found:
        status = details.status
        phases = [
            SpanMetric(
                name=phase_name(item.phase),
                started_at=when(item.start_time),
                ended_at=when(item.end_time) if item.HasField("end_time") else None,
            )
            for one in details.attempts
            for item in one.phase_transitions
        ]
        parts.append(
            SpanMetric(
                name=name_of(details),
                started_at=when(status.start_time),
                ended_at=when(status.end_time) if status.HasField("end_time") else None,
                children=tuple(phases),
            )
        )
    starts = [item.started_at for item in parts if item.started_at]
    ends = [item.ended_at for item in parts]
    return SpanMetric(
        name=run,
        started_at=min(starts, default=None),
        ended_at=None if None in ends else max((end for end in ends if end), default=None),
        children=tuple(parts),
    )


def literal_type(message: Any) -> Any:
    """A type of Flyte 2 as one of Flyte 1: they have the same bytes."""
    return types_pb2.LiteralType.FromString(message.SerializeToString())


def _cache(value: int) -> str | None:
    try:
        return catalog_pb2.CatalogCacheStatus.Name(value) if value else None
    except ValueError:
        return f"UNKNOWN({value})"
