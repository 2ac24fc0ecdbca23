"""What the state of a job means for its attempt (flyteplugins ``plugins/webapi/connector/plugin.go``: Status)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import agent_pb2
from flyteidl.core import execution_pb2

from ..model.outcome import RETRYABLE_FAILED, Done, Dynamic, Failure
from ..runner.outcome_files import outcome_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..runner.paths import AttemptPaths

__all__ = ["NO_OUTPUTS", "TASK_FAILED", "outputs_of", "phase_of", "verdict"]

NO_OUTPUTS = "the connector says SUCCEEDED, and there are no outputs: neither in its answer nor there"

TASK_FAILED = "TaskFailedWithError"
_SYSTEM = execution_pb2.ExecutionError.SYSTEM
_Task = execution_pb2.TaskExecution
_GOING = frozenset({_Task.QUEUED, _Task.WAITING_FOR_RESOURCES, _Task.INITIALIZING, _Task.RUNNING})
_PHASES = {  # of services from before there were phases
    agent_pb2.PENDING: _Task.INITIALIZING,
    agent_pb2.RUNNING: _Task.RUNNING,
    agent_pb2.SUCCEEDED: _Task.SUCCEEDED,
    agent_pb2.PERMANENT_FAILURE: _Task.FAILED,
    agent_pb2.RETRYABLE_FAILURE: RETRYABLE_FAILED,
}


def phase_of(resource: Any) -> int:
    """The TaskExecution.Phase of a job, also of a service that only says the older state."""
    return int(resource.phase or _PHASES.get(_state(resource), _Task.UNDEFINED))


def verdict(resource: Any, succeeded: Callable[[], Any]) -> Any:
    """How the attempt ended; None while the job goes on.

    Args:
        resource: The ``Resource`` of the job, of either Flyte.
        succeeded: What success makes of the outputs.
    """
    phase = phase_of(resource)
    if phase in _GOING:
        return None
    if phase == _Task.SUCCEEDED:
        return succeeded()
    error = getattr(resource, "agent_error", None)  # filled in by sync connectors only
    code = (error.code if error is not None else "") or TASK_FAILED
    if phase == _Task.ABORTED:
        return Failure(code, "failed to run the job with aborted phase.")
    if phase in (_Task.FAILED, RETRYABLE_FAILED):
        retryable = phase == RETRYABLE_FAILED
        return Failure(code, f"failed to run the job: {resource.message}", recoverable=retryable)
    text = f"unknown execution phase [{resource.phase}] and state [{_state(resource)}]."
    return Failure("SystemError", text, kind=_SYSTEM, recoverable=True)


def outputs_of(resource: Any, paths: AttemptPaths) -> Done | Dynamic | Failure:
    """What a job of Flyte 1 has put out: in its answer, or where it may have written them itself."""
    if not paths.order.task.interface.outputs.variables or not resource.HasField("outputs"):
        return outcome_in(paths, NO_OUTPUTS)
    paths.layout.write(paths.output / "outputs.pb", resource.outputs.SerializeToString(deterministic=True))
    return Done(resource.outputs)


def _state(resource: Any) -> int:
    return getattr(resource, "state", 0)  # Flyte 2 has none
