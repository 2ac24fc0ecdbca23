"""`TaskPhase`: how far a job is, in the words and numbers of Flyte (flyteidl ``core/execution.proto``, TaskExecution.Phase)."""

from __future__ import annotations

import enum

from ..model.errors import InvalidRequest
from .public import public

__all__ = ["TaskPhase"]


@public
class TaskPhase(enum.IntEnum):
    """How far a job is. Equal to the number that Flyte 1 and Flyte 2 both send."""

    UNDEFINED = 0
    QUEUED = 1
    RUNNING = 2
    SUCCEEDED = 3
    ABORTED = 4
    FAILED = 5
    """For good: Flyte does not try again."""
    INITIALIZING = 6
    WAITING_FOR_RESOURCES = 7
    RETRYABLE_FAILED = 8
    """Flyte tries again, as often as the task's ``retries`` allow."""

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended, well or not."""
        return self in _TERMINAL

    @classmethod
    def of(cls, value: object) -> TaskPhase:
        """The phase that is meant: one, its number, its name, or a word that job services use for it.

        Words (flytekit's ``convert_to_flyte_phase`` and some more): done, success, completed; timeout, canceled, skipped;
        internal_error (tried again); pending; terminating.

        Raises:
            InvalidRequest: None of these.

        Example:
            >>> TaskPhase.of("done"), TaskPhase.of(5).is_terminal
            (<TaskPhase.SUCCEEDED: 3>, True)
        """
        if isinstance(value, str):
            found = _WORDS.get(value) or _WORDS.get(value.strip().lower())
        else:
            found = _NUMBERS.get(value) if isinstance(value, int) and not isinstance(value, bool) else None
        if found is None:
            raise InvalidRequest(
                f"phase of a job: got {value!r}; wanted a TaskPhase ({', '.join(cls.__members__)}), its number, or a word like "
                "'done', 'canceled', 'pending'"
            )
        return found


_TERMINAL = frozenset({TaskPhase.SUCCEEDED, TaskPhase.ABORTED, TaskPhase.FAILED, TaskPhase.RETRYABLE_FAILED})
_NUMBERS: dict[object, TaskPhase] = {phase.value: phase for phase in TaskPhase}
_WORDS = {
    "done": TaskPhase.SUCCEEDED,
    "success": TaskPhase.SUCCEEDED,
    "completed": TaskPhase.SUCCEEDED,
    "timeout": TaskPhase.FAILED,
    "timedout": TaskPhase.FAILED,
    "canceled": TaskPhase.FAILED,
    "cancelled": TaskPhase.FAILED,
    "skipped": TaskPhase.FAILED,
    "internal_error": TaskPhase.RETRYABLE_FAILED,
    "terminating": TaskPhase.RUNNING,
    "pending": TaskPhase.INITIALIZING,
    **{phase.name.lower(): phase for phase in TaskPhase},
}
