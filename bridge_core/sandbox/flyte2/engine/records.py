"""How an `ActionDetails` changes while its action moves on: status and attempts are two records that change one after the other.

As in the backend the attempt is told first, by the executor, and the status follows with another call (``run_service.go:1244``,
``actions/k8s/client.go:843``); for a moment an action has succeeded and still RUNs.
"""

from __future__ import annotations

from typing import Any

from flyteidl2.common import phase_pb2
from flyteidl2.core import catalog_pb2, execution_pb2

from ...model.times import now
from ..store.actions import is_terminal

__all__ = [
    "abort_status",
    "begin_attempt",
    "end_attempt",
    "hit_cache",
    "move_attempt",
    "move_status",
    "note_event",
    "pod_name",
    "show_job",
]

_QUEUED = phase_pb2.ACTION_PHASE_QUEUED
_STARTED = frozenset({phase_pb2.ACTION_PHASE_RUNNING})


def pod_name(details: Any, attempt: int) -> str:
    """What the pod of an attempt is called on a cluster."""
    return f"{details.id.run.name}-{details.id.name}-{attempt - 1}"


def begin_attempt(details: Any, outputs: str, report: str) -> Any:
    """One more attempt, QUEUED."""
    moment = now()
    attempt = details.attempts.add(phase=_QUEUED, attempt=len(details.attempts) + 1)
    attempt.start_time.CopyFrom(moment)
    attempt.outputs.output_uri, attempt.outputs.report_uri = outputs, report
    attempt.cluster_events.add(message="task submitted to K8s").occurred_at.CopyFrom(moment)
    attempt.phase_transitions.add(phase=_QUEUED).start_time.CopyFrom(moment)
    return attempt


def move_attempt(details: Any, phase: int, log_url: str = "", *, in_pod: bool = True) -> None:
    """The last attempt comes to a phase; from RUNNING on its pod, if it has one, has logs."""
    attempt = details.attempts[-1]
    if attempt.phase == phase:
        return
    moment = now()
    attempt.phase = phase
    if attempt.phase_transitions:
        attempt.phase_transitions[-1].end_time.CopyFrom(moment)
    transition = attempt.phase_transitions.add(phase=phase)
    transition.start_time.CopyFrom(moment)
    if in_pod and phase in _STARTED and not attempt.logs_available:
        _show_logs(details, attempt, log_url)
    if is_terminal(phase):
        transition.end_time.CopyFrom(moment)
        attempt.end_time.CopyFrom(moment)
        for pod in attempt.log_context.pods:
            for container in pod.containers:
                container.process.container_end_time.CopyFrom(moment)


def show_job(details: Any, phase: int, message: str, links: Any) -> bool:
    """A connector says how the job of the last attempt is doing; whether that is news.

    Args:
        details: Of the action.
        phase: The ActionPhase, one that is no end.
        message: What the connector says.
        links: Its TaskLogs.
    """
    attempt = details.attempts[-1]
    links = list(links)
    known = attempt.cluster_events[-1].message if attempt.cluster_events else ""
    if attempt.phase == phase and list(attempt.log_info) == links and message in ("", known):
        return False
    del attempt.log_info[:]
    attempt.log_info.extend(links)
    move_attempt(details, phase, in_pod=False)
    note_event(details, message)
    return True


def note_event(details: Any, message: str) -> None:
    """What happened to the last attempt, for people; the same again is no news."""
    events = details.attempts[-1].cluster_events
    if message and not (events and events[-1].message == message):
        events.add(message=message).occurred_at.CopyFrom(now())


def end_attempt(details: Any, phase: int, error: Any = None) -> None:
    """The last attempt has ended."""
    move_attempt(details, phase)
    if error is not None:
        details.attempts[-1].error_info.CopyFrom(error)
    if phase == phase_pb2.ACTION_PHASE_ABORTED:
        details.attempts[-1].cluster_events.add(message="aborted").occurred_at.CopyFrom(now())


def move_status(details: Any, phase: int) -> None:
    """The action comes to a phase. Its creation is from now on the whole second in which Kubernetes made its object."""
    status = details.status
    status.phase = phase
    status.start_time.nanos = 0
    status.attempts = len(details.attempts)
    if details.attempts:
        status.cache_status = details.attempts[-1].cache_status
    if is_terminal(phase):
        _end(status)
    last = details.attempts[-1] if details.attempts else None
    if phase == phase_pb2.ACTION_PHASE_FAILED and last is not None and last.HasField("error_info"):
        details.error_info.CopyFrom(last.error_info)


def abort_status(details: Any, reason: str, identity: Any = None) -> None:
    """The action is aborted, also when it has ended: there is no guard (``action.go:92``), and its real end stays."""
    details.status.phase = phase_pb2.ACTION_PHASE_ABORTED
    if not details.status.HasField("end_time"):
        _end(details.status)
    details.abort_info.Clear()
    details.abort_info.reason = reason
    if identity is not None:
        details.abort_info.aborted_by.CopyFrom(identity)


def hit_cache(attempt: Any) -> None:
    """The attempt took outputs from the cache."""
    attempt.cache_status = catalog_pb2.CACHE_HIT
    attempt.cluster_events[-1].message = "cache hit"


def _end(status: Any) -> None:
    moment = now()
    status.end_time.CopyFrom(moment)
    status.duration_ms = max(0, (moment.ToNanoseconds() - status.start_time.ToNanoseconds()) // 1_000_000)


def _show_logs(details: Any, attempt: Any, log_url: str) -> None:
    name = pod_name(details, attempt.attempt)
    if log_url:
        attempt.log_info.add(uri=log_url, name="Kubernetes Logs", message_format=execution_pb2.TaskLog.JSON, ready=True)
    attempt.logs_available = True
    context = attempt.log_context
    context.primary_pod_name = name
    pod = context.pods.add(namespace="flyte", pod_name=name, primary_container_name=name)
    pod.containers.add(container_name=name).process.container_start_time.CopyFrom(now())
