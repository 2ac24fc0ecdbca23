"""The nodes of a run as OpenTelemetry spans, made afterwards from the times that Flyte keeps: one trace through both systems.

Only where the application uses OpenTelemetry (`bridge_core.telemetry` says what that means). Errors are told by their code alone:
messages may quote inputs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ..model.nodes import NodeSnapshot
    from ..model.run_failure import RunError
    from ..model.runs import RunSnapshot

__all__ = ["export_nodes", "run_span"]

_SCOPE = "bridge_core.nodes"
_NANOS = 1_000_000_000
_BAD = frozenset({"FAILED", "TIMED_OUT", "ABORTED"})


@contextmanager
def run_span(run: RunSnapshot) -> Iterator[Any | None]:
    """A span of the run under the current one; None when nobody would see it.

    Args:
        run: It ended.
    """
    begin = run.started_at or run.created_at
    if "opentelemetry.trace" not in sys.modules or begin is None:
        yield None
        return
    from opentelemetry import trace

    attributes = {"flyte.run": str(run.ref), "flyte.phase": run.phase.value, "flyte.console_url": run.console_url}
    if run.entity is not None:
        attributes["flyte.entity"] = str(run.entity)
    span = trace.get_tracer(_SCOPE).start_span(
        f"flyte run {run.ref.name}", start_time=_nanos(begin), attributes=attributes
    )
    try:
        yield span if span.is_recording() else None
    finally:
        _end(span, run.phase.value, run.error, run.ended_at or begin)


def export_nodes(parent: Any, nodes: Iterable[NodeSnapshot], run: RunSnapshot) -> int:
    """Spans of the nodes and of all below them, under the span of their run or of their parent; how many.

    Args:
        parent: Span.
        nodes: Of one level.
        run: Which they are in; a node that Flyte left open ends with it. None lies outside of its time: Flyte 2 keeps the begin
            of an action in whole seconds.
    """
    from opentelemetry import trace

    count, context = 0, trace.set_span_in_context(parent)
    earliest = run.started_at or run.created_at
    for node in nodes:
        begin = node.started_at or node.created_at
        if begin is None:  # it never began: a cache hit, or an arm that was not taken
            continue
        begin = max(begin, earliest or begin)
        end = node.ended_at or run.ended_at or begin
        end = max(begin, min(end, run.ended_at or end))
        attributes = {
            "flyte.run": str(run.ref),
            "flyte.node": node.id,
            "flyte.node.kind": node.kind,
            "flyte.phase": node.phase,
        }
        if node.cache_status is not None:
            attributes["flyte.cache_status"] = node.cache_status
        if node.child_run is not None:
            attributes["flyte.child_run"] = str(node.child_run)
        span = trace.get_tracer(_SCOPE).start_span(
            f"flyte node {node.name}", context=context, start_time=_nanos(begin), attributes=attributes
        )
        count += 1 + export_nodes(span, node.children, run)
        _end(span, node.phase, node.error, end)
    return count


def _end(span: Any, phase: str, error: RunError | None, end: datetime) -> None:
    from opentelemetry import trace

    if phase in _BAD:
        span.set_status(trace.Status(trace.StatusCode.ERROR, phase if error is None else error.cause_code or phase))
    span.end(end_time=_nanos(end))


def _nanos(when: datetime) -> int:
    return int(when.timestamp() * _NANOS)
