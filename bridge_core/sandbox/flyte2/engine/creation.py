"""The records of new actions: of a run, and of what a task enqueues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl2.common import phase_pb2
from flyteidl2.workflow import run_definition_pb2

from ...model.times import now

if TYPE_CHECKING:
    from .places import Places

__all__ = ["child_records", "run_records"]

_QUEUED, _PAUSED = phase_pb2.ACTION_PHASE_QUEUED, phase_pb2.ACTION_PHASE_PAUSED
_INPUTS = "inputs.pb"


def run_records(
    action_id: Any, task_id: Any, task_spec: Any, run_spec: Any, *, input_uri: str, base: str
) -> tuple[Any, Any]:
    """Details and spec of a run's root.

    Args:
        action_id: Its id.
        task_id: The task that runs.
        task_spec: Its spec.
        run_spec: What the run was asked to be.
        input_uri: Its inputs.pb.
        base: The base of its outputs.
    """
    details = run_definition_pb2.ActionDetails(id=action_id)
    _describe_task(details, task_id, task_spec)
    details.status.phase = _QUEUED
    details.status.attempts = 1
    details.status.start_time.CopyFrom(now())
    spec = run_definition_pb2.ActionSpec(action_id=action_id, input_uri=input_uri, run_output_base=base)
    spec.run_spec.CopyFrom(run_spec)
    spec.task.id.CopyFrom(details.metadata.task.id)
    spec.task.spec.CopyFrom(task_spec)
    return details, spec


def child_records(action: Any, run_spec: Any, places: Places) -> tuple[Any, Any] | None:
    """Details and spec of what a task enqueues; None when it is nothing (an action without a spec)."""
    details = run_definition_pb2.ActionDetails(id=action.action_id)
    details.metadata.parent = action.parent_action_name
    details.metadata.group = action.group
    details.status.start_time.CopyFrom(now())
    base = action.run_output_base or places.run_base(action.action_id.run)
    uri = action.input_uri
    if uri and not uri.endswith(_INPUTS):
        uri = f"{uri.rstrip('/')}/{_INPUTS}"
    spec = run_definition_pb2.ActionSpec(action_id=action.action_id, input_uri=uri, run_output_base=base)
    spec.parent_action_name, spec.group = action.parent_action_name, action.group
    if run_spec is not None:
        spec.run_spec.CopyFrom(run_spec)
    kind = action.WhichOneof("spec")
    if kind == "task":
        task_id = action.task.id if action.task.HasField("id") else action.task.spec.task_template.id
        _describe_task(details, task_id, action.task.spec)
        spec.task.CopyFrom(action.task)
        details.status.phase = _QUEUED
        details.status.attempts = 1
    elif kind == "condition":
        condition = action.condition
        details.metadata.action_type = run_definition_pb2.ACTION_TYPE_CONDITION
        details.metadata.condition.name = details.metadata.funtion_name = condition.name
        if condition.HasField("type"):
            details.metadata.condition.type.CopyFrom(condition.type)
        details.condition.CopyFrom(condition)
        spec.condition.CopyFrom(condition)
        details.status.phase = _PAUSED
    elif kind == "trace":
        _trace(details, action.trace)
        spec.trace.CopyFrom(action.trace)
    else:
        return None
    return details, spec


def _trace(details: Any, trace: Any) -> None:
    """A trace is told when it is over: its times and outputs come with it."""
    details.metadata.action_type = run_definition_pb2.ACTION_TYPE_TRACE
    details.metadata.trace.name = details.metadata.funtion_name = trace.name
    details.trace.CopyFrom(trace.spec)
    status = details.status
    status.phase = trace.phase or phase_pb2.ACTION_PHASE_SUCCEEDED
    status.attempts = 1
    attempt = details.attempts.add(phase=status.phase, attempt=1)
    if trace.HasField("start_time"):
        status.start_time.CopyFrom(trace.start_time)
        attempt.start_time.CopyFrom(trace.start_time)
    end = trace.end_time if trace.HasField("end_time") else now()
    status.end_time.CopyFrom(end)
    attempt.end_time.CopyFrom(end)
    status.duration_ms = max(0, (end.ToNanoseconds() - status.start_time.ToNanoseconds()) // 1_000_000)
    attempt.outputs.CopyFrom(trace.outputs)


def _describe_task(details: Any, task_id: Any, task_spec: Any) -> None:
    metadata = details.metadata
    metadata.action_type = run_definition_pb2.ACTION_TYPE_TASK
    for name in ("project", "domain", "name", "version"):
        if value := getattr(task_id, name):
            setattr(metadata.task.id, name, value)
    metadata.task.task_type = task_spec.task_template.type
    metadata.task.short_name = task_spec.short_name
    metadata.environment_name = task_spec.environment.name
    metadata.funtion_name = task_id.name
    details.task.CopyFrom(task_spec)
