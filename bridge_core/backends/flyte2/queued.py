"""Runs that stay QUEUED: Flyte 2 has no time-out for them, and a bad label or a lost message shows no error anywhere.

``RunOptions.max_queued_time`` is kept as an annotation of the run; whoever asks about the run after that aborts it, and it counts
as TIMED_OUT then. A run that has begun once is not meant: a retry sends it back to QUEUED.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ...model.phases import RunPhase
from .convert import phase_of, when

if TYPE_CHECKING:
    from ...model.runs import RunSnapshot

__all__ = ["LIMIT", "Looks", "overdue", "timed_out"]

LIMIT = "flyte-bridge-max-queued-time"
"""Annotation: seconds."""

_MARK = "QUEUED for longer than max_queued_time"
_WAITING = (RunPhase.QUEUED, RunPhase.WAITING)


_FIRST_LOOK, _LOOKS_GROW = 20.0, 1.25
"""Age in seconds at which a run that lists show as QUEUED is looked at, and by what this grows: a tenth late on average."""


class Looks:
    """Which runs of lists, that do not show annotations, are looked at because they are QUEUED: ever more rarely."""

    def __init__(self) -> None:
        self._next: dict[str, float] = {}

    def due(self, snapshot: RunSnapshot) -> bool:
        """Whether to look at it now."""
        name = str(snapshot.ref)
        if snapshot.phase not in _WAITING or snapshot.created_at is None:
            self._next.pop(name, None)
            return False
        age = (datetime.now(UTC) - snapshot.created_at).total_seconds()
        if age < self._next.get(name, _FIRST_LOOK):
            return False
        self._next[name] = age * _LOOKS_GROW
        return True


def overdue(details: Any) -> str | None:
    """Why a run should be aborted; None when it should not.

    Args:
        details: ``RunDetails``.
    """
    action = details.action
    created = when(action.status.start_time)
    begun = len(action.attempts) > 1 or any(phase_of(item.phase) not in _WAITING for item in action.attempts)
    if phase_of(action.status.phase) not in _WAITING or begun or created is None:
        return None
    try:
        limit = float(details.run_spec.annotations.values.get(LIMIT, ""))
    except ValueError:
        return None
    age = (datetime.now(UTC) - created).total_seconds()
    if age <= limit:
        return None
    return (
        f"{_MARK}={limit:g} s: nothing had begun it after {age:.0f} s. Look for an image that cannot be pulled, a quota, or a "
        "scheduler of the cluster that is away"
    )


def timed_out(snapshot: RunSnapshot) -> RunSnapshot:
    """A run that was aborted for this is TIMED_OUT."""
    if snapshot.phase is RunPhase.ABORTED and (snapshot.abort_reason or "").startswith(_MARK):
        return replace(snapshot, phase=RunPhase.TIMED_OUT)
    return snapshot
