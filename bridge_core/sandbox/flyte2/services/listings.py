"""RunService, its lists: runs and actions by page, where data and logs of an action are, signals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl2.common import phase_pb2
from flyteidl2.core import literals_pb2
from flyteidl2.workflow import run_definition_pb2, run_service_pb2

from ...model.status import Rejected
from ..store.actions import ACTION_COLUMNS, ROOT, is_terminal
from ..store.listing import listing

if TYPE_CHECKING:
    from ..engine.engine import Flyte2Engine
    from ..wire.call import Incoming
    from .identity import Identities

__all__ = ["ListingHandlers", "attempt_of"]

_SUCCEEDED = frozenset({phase_pb2.ACTION_PHASE_SUCCEEDED, 10})
_SIMPLE = {"bool_value": ("boolean", 4), "int_value": ("integer", 1), "float_value": ("float_value", 2)}
_SIMPLE |= {"string_value": ("string_value", 3)}
_TYPES = {1: "INTEGER", 2: "FLOAT", 3: "STRING", 4: "BOOLEAN"}


def attempt_of(details: Any, number: int) -> Any:
    """One attempt of an action.

    Raises:
        Rejected: NOT_FOUND.
    """
    for attempt in details.attempts:
        if attempt.attempt == number:
            return attempt
    return None


class ListingHandlers:
    """One method per RPC."""

    def __init__(self, engine: Flyte2Engine, identities: Identities) -> None:
        self._engine = engine
        self._actions = engine.context.actions
        self._identities = identities

    def ListRuns(self, request: Any, _call: Incoming) -> Any:
        """A page of runs."""
        scope, arguments = "parent='' AND name=?", [ROOT]
        kind = request.WhichOneof("scope_by")
        conditions: dict[str, Any] = {}
        if kind == "project_id":
            conditions = {"project": request.project_id.name, "domain": request.project_id.domain}
        elif kind == "trigger_name":
            name = request.trigger_name
            conditions = {"project": name.project, "domain": name.domain, "trigger_name": name.name}
            conditions["trigger_task_name"] = name.task_name
        elif kind in ("task_name", "task_id"):
            task = getattr(request, kind)
            conditions = {"task_project": task.project, "task_domain": task.domain, "task_name": task.name}
            if kind == "task_id":
                conditions["task_version"] = task.version
        query = listing(request.request, ACTION_COLUMNS, "actions", before=len(conditions))
        for column, value in conditions.items():
            scope += f" AND {column}=?"
            arguments.append(value)
        if request.paused_actions_only:
            scope += " AND run_name IN (SELECT run_name FROM flyte2_actions WHERE phase=?)"
            arguments.append(phase_pb2.ACTION_PHASE_PAUSED)
        found, more = self._actions.page(scope, tuple(arguments), query)
        runs = [run_definition_pb2.Run(action=one.action) for one in found]
        return run_service_pb2.ListRunsResponse(runs=runs, token=query.token(len(found), more=more))

    def ListActions(self, request: Any, _call: Incoming) -> Any:
        """A page of the actions of a run, with the parts of them that the backend selects."""
        query = listing(request.request, ACTION_COLUMNS, "actions")
        run = request.run_id
        scope, arguments = "project=? AND domain=? AND run_name=?", (run.project, run.domain, run.name)
        found, more = self._actions.page(scope, arguments, query)
        response = run_service_pb2.ListActionsResponse(token=query.token(len(found), more=more))
        for one in found:
            action = response.actions.add(id=one.details.id, status=one.details.status)
            action.metadata.parent, action.metadata.group = one.details.metadata.parent, one.details.metadata.group
        return response

    def GetActionData(self, _request: Any, _call: Incoming) -> Any:
        """Moved to the data proxy."""
        text = "RunService.GetActionData is deprecated; use DataProxyService.GetActionData instead"
        raise Rejected("UNIMPLEMENTED", text)

    def GetActionDataURIs(self, request: Any, _call: Incoming) -> Any:
        """Where inputs and outputs are; outputs of what has succeeded."""
        found = self._actions.find(request.action_id)
        if found is None:
            raise Rejected("NOT_FOUND", "action not found: action not found")
        response = run_service_pb2.GetActionDataURIsResponse(inputs_uri=found.spec.input_uri)
        if found.details.status.phase in _SUCCEEDED and found.details.attempts:
            if not self._outputs_are_there(found.details):
                raise Rejected("NOT_FOUND", "outputs not available")
            response.outputs_uri = found.details.attempts[-1].outputs.output_uri
        return response

    def GetActionLogContext(self, request: Any, _call: Incoming) -> Any:
        """Pods and containers of an attempt."""
        attempt = self._attempt(request.action_id, request.attempt)
        return run_service_pb2.GetActionLogContextResponse(log_context=attempt.log_context, cluster=attempt.cluster)

    def SignalEvent(self, request: Any, call: Incoming) -> Any:
        """Gives a condition its value; the same again is as good."""
        kind = request.payload.WhichOneof("value")
        if kind is None:
            raise Rejected("INVALID_ARGUMENT", "signal value must be a concrete bool/int/float/str literal")
        field, simple = _SIMPLE[kind]
        value = literals_pb2.Literal()
        setattr(value.scalar.primitive, field, getattr(request.payload, kind))
        signal(self._engine, request.action_id, value, simple, self._identities.of(call))
        return run_service_pb2.SignalEventResponse()

    def _attempt(self, action_id: Any, number: int) -> Any:
        found = self._actions.find(action_id)
        attempt = None if found is None else attempt_of(found.details, number)
        if attempt is None:
            raise no_event(action_id, number)
        return attempt

    def _outputs_are_there(self, details: Any) -> bool:
        return outputs_are_there(self._engine, details)


def outputs_are_there(engine: Flyte2Engine, details: Any) -> bool:
    """Whether outputs can be read already, see `Flyte2Faults.outputs_late`."""
    from ...model.times import now, seconds_between

    delay = engine.context.faults.output_delay
    return not delay or seconds_between(details.status.end_time, now()) >= delay


def no_event(action_id: Any, number: int) -> Rejected:
    """No such attempt, in the words of Go's text format."""
    run = action_id.run
    fields = (("org", run.org), ("project", run.project), ("domain", run.domain), ("name", run.name))
    text = " ".join(f'{name}:"{value}"' for name, value in fields if value)
    return Rejected("NOT_FOUND", f'no event found for action run:{{{text}}} name:"{action_id.name}" attempt {number}')


def signal(engine: Flyte2Engine, action_id: Any, value: Any, simple: int, identity: Any) -> None:
    """Gives a condition its value.

    Raises:
        Rejected: It is none, it has ended, it wants another type.
    """
    actions = engine.context.actions
    name = f"{action_id.run.name}-{action_id.name}"
    with engine.context.database.transaction():
        found = actions.find(action_id)
        if found is None:
            raise Rejected("NOT_FOUND", f"condition action {name} not found")
        if found.details.metadata.action_type != run_definition_pb2.ACTION_TYPE_CONDITION:
            raise Rejected("FAILED_PRECONDITION", f"action {name} is not a condition")
        wanted = found.details.condition.type.simple
        if wanted and wanted != simple:
            text = f"signal value type {_TYPES.get(simple)} does not match declared condition type {_TYPES.get(wanted)}"
            raise Rejected("INVALID_ARGUMENT", text)
        if is_terminal(found.details.status.phase):
            if found.details.signal_info.output == value:
                return
            if found.details.WhichOneof("result") == "signal_info":
                raise Rejected("FAILED_PRECONDITION", f"condition {name} already signalled with a different value")
            raise Rejected("FAILED_PRECONDITION", f"condition {name} is already terminal")
        from ..engine.records import move_status

        found.details.signal_info.output.CopyFrom(value)
        if identity is not None:
            found.details.signal_info.signalled_by.CopyFrom(identity)
        move_status(found.details, phase_pb2.ACTION_PHASE_SUCCEEDED)
        actions.save(found)
    engine.context.hub.publish(action_id.run.name)
