"""Flyte 2's messages <-> our values: identifiers, phases, runs, interfaces.

Literals and types have the same bytes on both wires: a map of Flyte 1 is a repeated entry of (key, value), and Flyte 2 wrote that
out (``Inputs``, ``Outputs``, ``VariableMap``). So they are cast by their bytes, and one codec serves both.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from flyteidl.core import interface_pb2, literals_pb2
from flyteidl2.common import identifier_pb2, phase_pb2
from flyteidl2.core import literals_pb2 as literals2_pb2
from flyteidl2.task import common_pb2, task_definition_pb2

from ...model.ids import EntityRef, RunRef
from ...model.phases import RunPhase
from ...model.provenance import Provenance
from ...model.run_failure import RunError
from ...model.runs import RunSnapshot

__all__ = [
    "FINGERPRINT", "LAUNCH", "ROOT", "TERMINAL", "action_id", "error_of", "inputs_message", "launched_from", "literal_map",
    "parameters",
    "phase_name", "phase_of", "project_id", "run_id", "run_ref", "snapshot", "task_id", "task_ref", "variables", "when",
]  # fmt: skip

FINGERPRINT = "flyte-bridge-inputs"
"""Annotation that keeps the fingerprint of the inputs a run was launched with. Lists show neither labels nor annotations, and a
bad label hangs a run for ever, so what only we read is an annotation here."""

LAUNCH = "flyte-bridge-launch"
"""Annotation that marks the request that made a run."""

ROOT = "a0"
"""Name of the action that is the run itself."""

_P = phase_pb2
_PHASES: Mapping[int, RunPhase] = {
    _P.ACTION_PHASE_UNSPECIFIED: RunPhase.UNKNOWN,
    _P.ACTION_PHASE_QUEUED: RunPhase.QUEUED,
    _P.ACTION_PHASE_WAITING_FOR_RESOURCES: RunPhase.WAITING,
    _P.ACTION_PHASE_INITIALIZING: RunPhase.WAITING,
    _P.ACTION_PHASE_RUNNING: RunPhase.RUNNING,
    _P.ACTION_PHASE_SUCCEEDED: RunPhase.SUCCEEDED,
    _P.ACTION_PHASE_FAILED: RunPhase.FAILED,
    _P.ACTION_PHASE_ABORTED: RunPhase.ABORTED,
    _P.ACTION_PHASE_TIMED_OUT: RunPhase.TIMED_OUT,
    _P.ACTION_PHASE_PAUSED: RunPhase.PAUSED,
    10: RunPhase.RECOVERED,  # since flyteidl2 2.0.28
}
TERMINAL = frozenset(number for number, phase in _PHASES.items() if phase.is_terminal)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS = {1: "USER", 2: "SYSTEM"}


def phase_of(value: int) -> RunPhase:
    """The phase; a number of the future is UNKNOWN."""
    return _PHASES.get(value, RunPhase.UNKNOWN)


def phase_name(value: int) -> str:
    """Flyte's word for a phase of an action."""
    try:
        return str(phase_pb2.ActionPhase.Name(value)).removeprefix("ACTION_PHASE_")
    except ValueError:
        return f"UNKNOWN({value})"


def when(stamp: Any) -> datetime | None:
    """The time of a ``Timestamp``; None for one that is not set."""
    if not stamp.seconds and not stamp.nanos:
        return None
    return _EPOCH + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000)


def project_id(project: str, domain: str, org: str | None) -> Any:
    """``ProjectIdentifier``: its name is the project's."""
    return identifier_pb2.ProjectIdentifier(organization=org or "", domain=domain, name=project)


def run_id(ref: RunRef, org: str | None) -> Any:
    """``RunIdentifier``."""
    return identifier_pb2.RunIdentifier(org=org or "", project=ref.project, domain=ref.domain, name=ref.name)


def action_id(ref: RunRef, org: str | None, name: str = ROOT) -> Any:
    """``ActionIdentifier``; of the run itself without a name."""
    return identifier_pb2.ActionIdentifier(run=run_id(ref, org), name=name)


def run_ref(message: Any) -> RunRef:
    """The run that a ``RunIdentifier`` names."""
    return RunRef(message.project, message.domain, message.name)


def task_id(entity: EntityRef, org: str | None) -> Any:
    """``TaskIdentifier`` of a pinned task."""
    return task_definition_pb2.TaskIdentifier(
        org=org or "", project=entity.project, domain=entity.domain, name=entity.name, version=entity.version
    )


def task_ref(message: Any) -> EntityRef:
    """The task that a ``TaskIdentifier`` or the template's identifier names."""
    return EntityRef.task(message.name, project=message.project, domain=message.domain, version=message.version or None)


def launched_from(metadata: Any) -> EntityRef | None:
    """What a run was launched from: its trigger, else its task. None for one that has neither (an empty task)."""
    task = metadata.task.id
    trigger = metadata.trigger_id.name
    if trigger.name:
        return EntityRef.launch_plan(
            trigger.name, project=trigger.project, domain=trigger.domain, version=task.version or None
        )
    return task_ref(task) if task.name else None


def snapshot(action: Any, console_url: str, spec: Any = None) -> RunSnapshot:
    """What an ``Action`` of a list says, or an ``ActionDetails`` with its ``RunSpec``."""
    status = action.status
    phase = phase_of(status.phase)
    attempts = getattr(action, "attempts", ())
    result = action.WhichOneof("result") if "result" in action.DESCRIPTOR.oneofs_by_name else None
    started = next((when(item.start_time) for item in attempts if item.HasField("start_time")), None)
    return RunSnapshot(
        ref=run_ref(action.id.run),
        phase=phase,
        entity=launched_from(action.metadata),
        created_at=when(status.start_time),
        started_at=started,
        ended_at=when(status.end_time) if phase.is_terminal and status.HasField("end_time") else None,
        error=error_of(action) if result == "error_info" else None,
        abort_reason=action.abort_info.reason if result == "abort_info" else None,
        console_url=console_url,
        provenance=None if spec is None else Provenance.of(spec.labels.values, spec.annotations.values),
    )


def error_of(holder: Any) -> RunError:
    """The error of an action or an attempt. The open-source server gives a text and whose fault it is."""
    info = holder.error_info
    code = getattr(info, "code", "")  # since flyteidl2 2.0.53
    last = holder.attempts[-1] if getattr(holder, "attempts", ()) else holder
    ended = when(last.end_time) if "end_time" in last.DESCRIPTOR.fields_by_name else None
    return RunError(code=code, message=info.message, kind=_KINDS.get(info.kind, "UNKNOWN"), occurred_at=ended)


def literal_map(message: Any) -> Any:
    """``Inputs`` or ``Outputs`` as the map that the codec reads; without context."""
    out = literals_pb2.LiteralMap()
    for item in message.literals:
        out.literals[item.name].ParseFromString(item.value.SerializeToString())
    return out


def inputs_message(literals: Any, context: Mapping[str, str] | None = None) -> Any:
    """A map as ``Inputs``, by name: the server hashes them in the order in which they come."""
    return common_pb2.Inputs(
        literals=[
            common_pb2.NamedLiteral(
                name=name, value=literals2_pb2.Literal.FromString(literals.literals[name].SerializeToString())
            )
            for name in sorted(literals.literals)
        ],
        context=[literals2_pb2.KeyValuePair(key=key, value=value) for key, value in sorted((context or {}).items())],
    )


def variables(message: Any) -> dict[str, Any]:
    """Name -> ``Variable`` of Flyte 1, of a ``VariableMap`` of Flyte 2."""
    return dict(interface_pb2.VariableMap.FromString(message.SerializeToString()).variables)


def parameters(spec: Any) -> dict[str, Any]:
    """Input name -> ``Parameter``, of a ``TaskSpec``: with the defaults that it has."""
    given = {item.name: item.parameter for item in spec.default_inputs}
    out: dict[str, Any] = {}
    for name, variable in variables(spec.task_template.interface.inputs).items():
        if name in given:
            out[name] = interface_pb2.Parameter.FromString(given[name].SerializeToString())
            out[name].var.CopyFrom(variable)
            if out[name].WhichOneof("behavior") is None:
                out[name].required = True
        else:
            out[name] = interface_pb2.Parameter(var=variable, required=True)
    return out
