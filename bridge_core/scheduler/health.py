"""`Health`: what probes may conclude about a runner. Pure: times come in.

*Live* means that the loop goes round: when it does not, only a restart helps, so that a database which is away is no reason.
*Ready* means that the runner does its part, working or standing by: it began, it can use its state, and it is not being
stopped. A standby is ready; a rolling restart that waits for readiness would never end otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Health", "judge"]

_STUCK = 60.0
"""Seconds without a round after which the loop counts as stuck: more than reading ten thousand triggers takes."""
_STALE = 30.0
"""Seconds without a round that could use the state, after which a runner is not ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a runner is.

    Attributes:
        details: For people.
        not_live: Why it should be restarted; None when it is well.
        not_ready: Why it does not do its part; None when it does.
    """

    details: Mapping[str, Any]
    not_live: str | None
    not_ready: str | None


def judge(
    details: Mapping[str, Any],
    *,
    now: float,
    looped: float,
    good: float | None,
    stopping: bool,
    state_trouble: str | None,
) -> Health:
    """Draws the conclusions.

    Args:
        details: For people.
        now: Monotonic seconds, as all times here.
        looped: When the last round began; when the runner was made, before the first.
        good: When the last round ended that could use the state; None before the first.
        stopping: Whether it was asked to stop.
        state_trouble: What went wrong with the state in the last round.
    """
    silence = now - looped
    stuck = f"the loop has not gone round for {silence:.0f} s" if silence >= _STUCK else None
    if stopping:
        not_ready: str | None = "stopping"
    elif good is None:
        not_ready = state_trouble or "starting"
    elif now - good >= _STALE:
        not_ready = f"no good round for {now - good:.0f} s: {state_trouble or stuck or 'the loop is late'}"
    else:
        not_ready = None
    return Health(details=details, not_live=None if stopping else stuck, not_ready=not_ready)
