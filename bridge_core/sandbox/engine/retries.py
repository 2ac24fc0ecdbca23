"""How often a task is tried (flytepropeller ``pkg/controller/nodes/executor.go``: isEligibleForRetry, execute).

Failures of the system have three retries (``config.go``: MaxNodeRetriesOnSystemFailures), all others as many as the node says,
or the task if the node does not. Attempts that a restart of the sandbox interrupted cost none.
"""

from __future__ import annotations

from flyteidl.core import execution_pb2

from ..model.ids import enum_name
from ..model.outcome import Failure

__all__ = ["INTERRUPTED", "SYSTEM_RETRIES", "Retries"]

INTERRUPTED = "SandboxRestarted"
SYSTEM_RETRIES = 3
_SYSTEM = execution_pb2.ExecutionError.SYSTEM
_INTERRUPTIONS = 10  # a task that takes the whole machine down with it must come to an end, too


class Retries:
    """What is left of the budgets of one task.

    Args:
        retries: What the node or the task allows.

    Attributes:
        pause: Seconds to wait before the next attempt of a connector: after failures of the system, longer each time.
        system: How many failures of the system there were.
    """

    def __init__(self, retries: int) -> None:
        self._allowed = retries + 1
        self._failed = 0
        self._interrupted = 0
        self.system = 0
        self.pause = 0.0

    def used(self, attempts: int) -> None:
        """Counts attempts of which nothing else is known."""
        self._failed += attempts

    def may_retry(self, failure: Failure) -> bool:
        """Counts a recoverable failure; whether there is another attempt after it."""
        self.pause = 0.0
        if failure.code == INTERRUPTED:
            self._interrupted += 1
            return self._interrupted < _INTERRUPTIONS
        if failure.kind == _SYSTEM:
            self.pause = 2.0**self.system
            self.system += 1
            return self.system <= SYSTEM_RETRIES
        self._failed += 1
        return self._failed < self._allowed

    def exhausted(self, failure: Failure) -> Failure:
        """What the last failure becomes: one of the user's, in FlytePropeller's words."""
        done, allowed = self._failed, self._allowed
        if failure.code == INTERRUPTED:
            done = allowed = _INTERRUPTIONS
        elif failure.kind == _SYSTEM:
            done = allowed = SYSTEM_RETRIES
        kind = enum_name(execution_pb2.ExecutionError.ErrorKind, failure.kind)
        message = f"[{done}/{allowed}] currentAttempt done. Last Error: {kind}::{failure.message}"
        return Failure(f"RetriesExhausted|{failure.code}", message)
