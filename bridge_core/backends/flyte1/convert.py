"""FlyteAdmin's messages <-> our values: identifiers, phases, executions."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flyteidl.admin import execution_pb2
from flyteidl.core import execution_pb2 as core_execution_pb2
from flyteidl.core import identifier_pb2

from ...model.ids import EntityKind, EntityRef, RunRef
from ...model.phases import RunPhase
from ...model.provenance import Provenance
from ...model.run_failure import RunError
from ...model.runs import RunSnapshot

if TYPE_CHECKING:
    from ..values import Existing, StoredLiterals

__all__ = [
    "FINGERPRINT_LABEL",
    "LAUNCH_LABEL",
    "entity_of",
    "error_of",
    "execution_id",
    "existing",
    "identifier",
    "length",
    "phase_of",
    "run_ref",
    "snapshot",
    "stored",
    "when",
]

FINGERPRINT_LABEL = "flyte-bridge-inputs"
"""Label that keeps the fingerprint of the inputs a run was launched with (a legal Kubernetes label key)."""

LAUNCH_LABEL = "flyte-bridge-launch"
"""Label that marks the request that made a run: tells a lost answer of ours from another launcher's identical run."""

_Phase = core_execution_pb2.WorkflowExecution

# flyteidl/core/execution.proto, WorkflowExecution.Phase: all ten. UNDEFINED is an execution that propeller has not seen yet.
_PHASES: Mapping[int, RunPhase] = {
    _Phase.UNDEFINED: RunPhase.QUEUED,
    _Phase.QUEUED: RunPhase.QUEUED,
    _Phase.RUNNING: RunPhase.RUNNING,
    _Phase.SUCCEEDING: RunPhase.SUCCEEDING,
    _Phase.SUCCEEDED: RunPhase.SUCCEEDED,
    _Phase.FAILING: RunPhase.FAILING,
    _Phase.FAILED: RunPhase.FAILED,
    _Phase.ABORTED: RunPhase.ABORTED,
    _Phase.TIMED_OUT: RunPhase.TIMED_OUT,
    _Phase.ABORTING: RunPhase.ABORTING,
}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_KINDS: Mapping[EntityKind, int] = {
    EntityKind.TASK: identifier_pb2.TASK,
    EntityKind.WORKFLOW: identifier_pb2.LAUNCH_PLAN,  # launching a workflow launches its default launch plan
    EntityKind.LAUNCH_PLAN: identifier_pb2.LAUNCH_PLAN,
}


_ENTITIES: Mapping[int, EntityKind] = {
    identifier_pb2.TASK: EntityKind.TASK,
    identifier_pb2.WORKFLOW: EntityKind.WORKFLOW,
}


def phase_of(value: int) -> RunPhase:
    """The phase; a number of the future is UNKNOWN."""
    return _PHASES.get(value, RunPhase.UNKNOWN)


def execution_id(ref: RunRef) -> Any:
    """``WorkflowExecutionIdentifier`` of a run."""
    return identifier_pb2.WorkflowExecutionIdentifier(project=ref.project, domain=ref.domain, name=ref.name)


def run_ref(message: Any) -> RunRef:
    """The run that a ``WorkflowExecutionIdentifier`` names."""
    return RunRef(message.project, message.domain, message.name)


def when(stamp: Any) -> datetime | None:
    """The time of a ``Timestamp``; None for one that is not set. Four times as fast as its own ``ToDatetime``."""
    seconds, nanos = stamp.seconds, stamp.nanos
    if not seconds and not nanos:
        return None
    return _EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1000)


def length(duration: Any) -> timedelta:
    """The length of a ``Duration``."""
    return timedelta(seconds=duration.seconds, microseconds=duration.nanos // 1000)


def identifier(entity: EntityRef) -> Any:
    """``Identifier`` of a pinned entity."""
    return identifier_pb2.Identifier(
        resource_type=_KINDS[entity.kind],
        project=entity.project,
        domain=entity.domain,
        name=entity.name,
        version=entity.version,
    )


def entity_of(message: Any) -> EntityRef:
    """The entity that an ``Identifier`` names."""
    return _entity(message.resource_type, message.name, message.project, message.domain, message.version)


@functools.lru_cache(maxsize=512)  # lists name few entities, many times
def _entity(resource_type: int, name: str, project: str, domain: str, version: str) -> EntityRef:
    kind = _ENTITIES.get(resource_type, EntityKind.LAUNCH_PLAN)
    return EntityRef(kind, name, project, domain, version)


def snapshot(execution: Any, console_url: str) -> RunSnapshot:
    """What an ``Execution`` says."""
    closure, spec = execution.closure, execution.spec
    phase = phase_of(closure.phase)
    started = when(closure.started_at)
    return RunSnapshot(
        ref=run_ref(execution.id),
        phase=phase,
        entity=entity_of(spec.launch_plan),
        created_at=when(closure.created_at),
        started_at=started,
        ended_at=_ended_at(closure, started) if phase.is_terminal else None,
        error=error_of(closure),
        abort_reason=closure.abort_metadata.cause if closure.HasField("abort_metadata") else None,
        console_url=console_url,
        provenance=Provenance.of(spec.labels.values, spec.annotations.values),
    )


def error_of(closure: Any) -> RunError | None:
    """The error of a run's, node's or task's closure."""
    if closure.WhichOneof("output_result") != "error":
        return None
    error = closure.error
    return RunError(
        code=error.code,
        message=error.message,
        kind=core_execution_pb2.ExecutionError.ErrorKind.Name(error.kind),
        occurred_at=when(error.timestamp) if "timestamp" in error.DESCRIPTOR.fields_by_name else None,
        worker=getattr(error, "worker", ""),  # both since flyteidl 1.14
    )


def stored(literals: Any, blob: Any) -> StoredLiterals:
    """Values as FlyteAdmin gives them: inline, or, when they are large, as a ``UrlBlob``."""
    from ..values import StoredLiterals

    return StoredLiterals(literals=literals, url="" if literals.literals else blob.url)


def existing(execution: Any, console_url: str) -> Existing:
    """An ``Execution`` as something to compare a launch with."""
    from ..values import Existing

    return Existing(
        snapshot=snapshot(execution, console_url),
        launched=entity_of(execution.spec.launch_plan),
        fingerprint=_mark(execution.spec, FINGERPRINT_LABEL),
        launch_id=_mark(execution.spec, LAUNCH_LABEL),
        origin=_origin(execution.spec.metadata),
    )


def _mark(spec: Any, key: str) -> str | None:
    """A label of ours, or the annotation that stands for it when the run had to be sent without labels."""
    mark: str | None = spec.labels.values.get(key) or spec.annotations.values.get(key)
    return mark


def _origin(metadata: Any) -> tuple[str, RunRef] | None:
    """How and from which run it was made again: ``("relaunch", ref)`` or ``("recover", ref)``."""
    modes = {
        execution_pb2.ExecutionMetadata.RELAUNCH: "relaunch",
        execution_pb2.ExecutionMetadata.RECOVERED: "recover",
    }
    if metadata.mode not in modes or not metadata.HasField("reference_execution"):
        return None
    return modes[metadata.mode], run_ref(metadata.reference_execution)


def _ended_at(closure: Any, started: datetime | None) -> datetime | None:
    if started is not None and closure.HasField("duration"):
        return started + length(closure.duration)
    return when(closure.updated_at)
