"""Values, snapshots and node trees as text and as JSON. The JSON shapes are stable: scripts read them."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..model.errors import AuthError, Unsupported
from ..model.places import check_domain
from ..model.references import DirectoryRef, FileRef, FrameRef

if TYPE_CHECKING:
    from ..client import Client
    from ..model.nodes import NodeSnapshot
    from ..model.runs import RunSnapshot

__all__ = [
    "node_dict",
    "node_lines",
    "outputs_lines",
    "plain",
    "print_empty",
    "print_json",
    "print_outcome",
    "print_table",
    "snapshot_dict",
]


def snapshot_dict(snapshot: RunSnapshot) -> dict[str, Any]:
    """A snapshot as plain JSON."""
    return {
        "run": str(snapshot.ref),
        "phase": snapshot.phase.value,
        "entity": str(snapshot.entity) if snapshot.entity else None,
        "created_at": snapshot.created_at,
        "started_at": snapshot.started_at,
        "ended_at": snapshot.ended_at,
        "error": dataclasses.asdict(snapshot.error) if snapshot.error else None,
        "abort_reason": snapshot.abort_reason,
        "console_url": snapshot.console_url,
        "provenance": snapshot.provenance.to_dict() if snapshot.provenance else None,
    }


def node_dict(node: NodeSnapshot) -> dict[str, Any]:
    """A node with everything below it as plain JSON."""
    return {
        "id": node.id,
        "name": node.name,
        "phase": node.phase,
        "kind": node.kind,
        "started_at": node.started_at,
        "ended_at": node.ended_at,
        "error": dataclasses.asdict(node.error) if node.error else None,
        "cache_status": node.cache_status,
        "child_run": str(node.child_run) if node.child_run else None,
        "attempts": [
            {
                "number": item.number,
                "phase": item.phase,
                "error": dataclasses.asdict(item.error) if item.error else None,
                "logs": [{"name": log.name, "uri": log.uri} for log in item.logs],
            }
            for item in node.attempts
        ],
        "children": [node_dict(child) for child in node.children],
    }


def node_lines(node: NodeSnapshot, depth: int = 0) -> Iterator[str]:
    """A node and everything below it, one line each."""
    took = ""
    if node.started_at and node.ended_at:
        took = f" {(node.ended_at - node.started_at).total_seconds():.1f} s"
    more = "".join(
        (
            f" [{node.cache_status}]" if node.cache_status and node.cache_status != "CACHE_DISABLED" else "",
            f" -> {node.child_run}" if node.child_run else "",
            f": {node.error.summary}" if node.error else "",
        )
    )
    yield f"{'  ' * (depth + 1)}{node.name} {node.phase}{took}{more}"
    for item in node.attempts:
        why = f": {item.error.summary}" if item.error else ""
        yield f"{'  ' * (depth + 2)}attempt {item.number + 1} {item.phase}{why}"
    for child in node.children:
        yield from node_lines(child, depth + 1)


def outputs_lines(outputs: Mapping[str, Any]) -> list[str]:
    """One line per output: ``name = value``."""
    return [f"  {name} = {json.dumps(value, default=plain, ensure_ascii=False)}" for name, value in outputs.items()]


def print_json(value: Any) -> None:
    """Prints one JSON document."""
    print(json.dumps(value, default=plain, indent=2, ensure_ascii=False))


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints rows in columns."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_empty(flyte: Client, what: str, output: str) -> int:
    """Says that a list is empty; FlyteAdmin lists nothing, too, where there is no such place.

    Raises:
        NotFound: The project or domain does not exist.
    """
    project, domain = flyte.config.project or "", flyte.config.domain or ""
    with contextlib.suppress(AuthError, Unsupported):  # who may list runs may not list projects
        check_domain(project, domain, flyte.domains(project))
    if output == "json":
        print_json([])
    else:
        print(f"no {what} in {project}/{domain}", file=sys.stderr)
    return 0


def print_outcome(flyte: Client, snapshot: RunSnapshot, output: str, *, outcome: bool = True) -> int:
    """Prints a snapshot; with ``outcome``, also the outputs, and 1 is returned for a run that did not end well."""
    found: Mapping[str, Any] = flyte.outputs(snapshot.ref) if outcome and snapshot.phase.is_success else {}
    if output == "json":
        print_json({**snapshot_dict(snapshot), "outputs": dict(found)} if outcome else snapshot_dict(snapshot))
    else:
        print("\n".join([snapshot.describe(), *outputs_lines(found)]))
    return 0 if snapshot.phase.is_success or not outcome else 1


def plain(value: Any) -> Any:
    """What JSON cannot say, as it can."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, FileRef | DirectoryRef | FrameRef):
        return value.to_dict()
    return str(value)
