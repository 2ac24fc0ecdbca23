"""The inside of a run, for people: its nodes as a tree, their attempts, where their logs and decks are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .public import public

if TYPE_CHECKING:
    from datetime import datetime

    from .ids import EntityRef, RunRef
    from .run_failure import RunError

__all__ = ["Attempt", "LogLine", "LogLink", "NodePhase", "NodeSnapshot", "SpanMetric"]

NodePhase = str
"""Flyte's own word: QUEUED RUNNING SUCCEEDED FAILING FAILED ABORTED SKIPPED TIMED_OUT DYNAMIC_RUNNING RECOVERED …"""


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class LogLink:
    """Where the log of one attempt can be read."""

    name: str
    uri: str
    node: str
    attempt: int
    """0 for the first."""
    item: int | None = None
    """Index of the item of a mapped task whose log it is; None for the log of the node."""


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of the log of one attempt."""

    text: str
    at: datetime | None = None
    container: str = ""
    """Which container of the pod wrote it."""
    system: bool = False
    """True for what Flyte wrote, False for what the user's code did."""


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of a node's task."""

    number: int
    """0 for the first."""
    phase: NodePhase
    task: EntityRef
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: RunError | None = None
    logs: tuple[LogLink, ...] = ()
    items: tuple[NodePhase, ...] = ()
    """Phase of the last try of each item of a mapped task, by index; empty for others."""
    item_attempts: tuple[int, ...] = ()
    """How often each item was tried, by index."""


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSnapshot:
    """One node of a run when Flyte was asked."""

    id: str
    """Unique within the run: ``n1``, ``n1-0-n0`` for a child."""
    name: str
    """As the workflow calls it: ``n0``."""
    phase: NodePhase
    kind: str
    """``task``, ``array``, ``dynamic``, ``parent`` (sub-workflow or branch) or ``run`` (another run)."""
    created_at: datetime | None = None
    """When Flyte had it in its queue; None where it does not say."""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: RunError | None = None
    cache_status: str | None = None
    """``CACHE_HIT``, ``CACHE_MISS``, ``CACHE_POPULATED`` …; None when the node does not cache."""
    deck_uri: str | None = None
    child_run: RunRef | None = None
    """The run that a launch-plan node started."""
    attempts: tuple[Attempt, ...] = ()
    """Filled in when they were asked for."""
    children: tuple[NodeSnapshot, ...] = ()

    def walk(self) -> Iterator[NodeSnapshot]:
        """This node, then everything below it, depth first."""
        yield self
        for child in self.children:
            yield from child.walk()


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class SpanMetric:
    """How long one part of a run took, as FlyteAdmin's metrics tell it."""

    name: str
    """The operation (``WORKFLOW_SETUP``, ``TASK_RUNTIME`` …) or the id of the node, task or run."""
    started_at: datetime | None
    ended_at: datetime | None
    children: tuple[SpanMetric, ...] = ()
