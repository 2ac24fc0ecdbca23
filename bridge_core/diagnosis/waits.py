"""What waited for what: where the time of a run went that nothing was computed in, as far as times and phases tell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..model.phases import RunPhase
from ..model.public import public

if TYPE_CHECKING:
    from ..model.nodes import NodeSnapshot
    from ..model.runs import RunSnapshot

__all__ = ["Wait", "of_node", "of_run", "waited_long"]

_WORTH_SAYING = timedelta(seconds=1)
_RETRIED = 2


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Something waited."""

    what: str
    """``run`` or ``node n0``."""
    reason: str
    """``queue`` (for Flyte to begin it), ``retries``, ``cache`` (for another run that computes the same), ``gate``, or ``run``
    (for one that it started)."""
    duration: timedelta | None = None
    """None: it waits still, or nobody noted the time."""
    text: str = ""
    """For whom or what, in words."""

    def __str__(self) -> str:
        took = "" if self.duration is None else f" for {self.duration.total_seconds():.1f} s"
        return f"{self.what} waited{took}: {self.text or self.reason}"


def of_run(run: RunSnapshot) -> Iterable[Wait]:
    """Of a run as a whole: until Flyte began it."""
    if run.phase in (RunPhase.QUEUED, RunPhase.WAITING):
        yield Wait(what="run", reason="queue", text="Flyte has not begun it yet")
    elif (took := _between(run.created_at, run.started_at)) is not None:
        yield Wait(what="run", reason="queue", duration=took, text="until Flyte began it")


def of_node(node: NodeSnapshot, run: RunSnapshot, *, gate: bool = False, serialized: bool = False) -> Iterable[Wait]:
    """Of the node to blame.

    Args:
        node: With its attempts.
        run: Which it is in.
        gate: Whether it waits for a person.
        serialized: Whether its task lets one run compute and the others wait (``cache_serialize``).
    """
    what, over = f"node {node.id}", run.phase.is_terminal
    end = node.ended_at or (run.ended_at if over else None)
    if gate:
        lasted = None if end is None or node.started_at is None else end - node.started_at
        yield Wait(what=what, reason="gate", duration=lasted, text="for somebody to answer at its gate")
    elif not node.attempts and node.child_run is None and not node.children:
        begin = node.created_at or node.started_at
        lasted = None if begin is None or end is None else end - begin
        if serialized:
            yield Wait(
                what=what, reason="cache", duration=lasted, text="for another run that computes the same cached result"
            )
        elif node.phase == "QUEUED":
            yield Wait(what=what, reason="queue", duration=lasted, text="Flyte has not begun it")
    elif (took := _between(node.created_at, node.started_at)) is not None:
        if serialized:
            yield Wait(
                what=what, reason="cache", duration=took, text="until another run had computed the same, or given up"
            )
        else:
            yield Wait(what=what, reason="queue", duration=took, text="until it began")
    if node.child_run is not None:
        yield Wait(what=what, reason="run", duration=_between(node.started_at, end), text=f"for run {node.child_run}")
    if len(node.attempts) >= _RETRIED:
        begin, last = node.attempts[0].started_at, node.attempts[-1].started_at
        lasted = None if begin is None or last is None else last - begin
        yield Wait(
            what=what, reason="retries", duration=lasted, text=f"{len(node.attempts) - 1} tries before the last one"
        )


def waited_long(node: NodeSnapshot) -> bool:
    """Whether a node waited for its start longer than is worth saying."""
    return _between(node.created_at, node.started_at) is not None


def _between(begin: datetime | None, end: datetime | None) -> timedelta | None:
    """How long, when it is worth saying."""
    if begin is None or end is None or end - begin < _WORTH_SAYING:
        return None
    return end - begin
