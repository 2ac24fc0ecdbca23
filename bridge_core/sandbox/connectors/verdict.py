"""What the state of a job means for its attempt (flyteplugins ``plugins/webapi/connector/plugin.go``: Status)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import agent_pb2
from flyteidl.core import execution_pb2

from ..model.outcome import RETRYABLE_FAILED, Done, Dynamic, Failure
from ..runner.outcome_files import outcome_in

if TYPE_CHECKING:
    from ..runner.paths import AttemptPaths

__all__ = ["TASK_FAILED", "phase_of", "verdict"]

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
    return int(resource.phase or _PHASES.get(resource.state, _Task.UNDEFINED))


def verdict(resource: Any, paths: AttemptPaths) -> Done | Dynamic | Failure | None:
    """How the attempt ended; None while the job goes on.

    Args:
        resource: The ``Resource`` of the job.
        paths: Where the job may have written its outputs.
    """
    phase = phase_of(resource)
    if phase in _GOING:
        return None
    if phase == _Task.SUCCEEDED:
        return _success(resource, paths)
    code = resource.agent_error.code or TASK_FAILED  # filled in by sync connectors only
    if phase == _Task.ABORTED:
        return Failure(code, "failed to run the job with aborted phase.")
    if phase in (_Task.FAILED, RETRYABLE_FAILED):
        retryable = phase == RETRYABLE_FAILED
        return Failure(code, f"failed to run the job: {resource.message}", recoverable=retryable)
    text = f"unknown execution phase [{resource.phase}] and state [{resource.state}]."
    return Failure("SystemError", text, kind=_SYSTEM, recoverable=True)


def _success(resource: Any, paths: AttemptPaths) -> Done | Dynamic | Failure:
    if not paths.order.task.interface.outputs.variables or not resource.HasField("outputs"):
        return outcome_in(
            paths, "the connector says SUCCEEDED, and there are no outputs: neither in its answer nor there"
        )
    paths.layout.write(paths.output / "outputs.pb", resource.outputs.SerializeToString(deterministic=True))
    return Done(resource.outputs)
