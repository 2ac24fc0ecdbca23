"""Where a run can be: the union of what Flyte 1 and Flyte 2 report."""

from __future__ import annotations

import enum

from .public import public

__all__ = ["RunPhase"]


@public
class RunPhase(enum.Enum):
    """Where a run is: the union of what Flyte 1 and Flyte 2 report.

    A value of the wire that this release does not know becomes UNKNOWN, which is not terminal: better to ask again than to
    end a wait wrongly.
    """

    UNKNOWN = "UNKNOWN"
    QUEUED = "QUEUED"
    WAITING = "WAITING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    SUCCEEDING = "SUCCEEDING"
    SUCCEEDED = "SUCCEEDED"
    RECOVERED = "RECOVERED"
    FAILING = "FAILING"
    FAILED = "FAILED"
    ABORTING = "ABORTING"
    ABORTED = "ABORTED"
    TIMED_OUT = "TIMED_OUT"

    @property
    def is_terminal(self) -> bool:
        """Whether the run will not change any more."""
        return self in _TERMINAL

    @property
    def is_success(self) -> bool:
        """Whether the run ended well."""
        return self in (RunPhase.SUCCEEDED, RunPhase.RECOVERED)


_TERMINAL = frozenset({RunPhase.SUCCEEDED, RunPhase.RECOVERED, RunPhase.FAILED, RunPhase.ABORTED, RunPhase.TIMED_OUT})
