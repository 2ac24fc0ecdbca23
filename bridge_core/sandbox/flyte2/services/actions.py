"""ActionsService: what tasks call while they run, to enqueue others and to hear of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl2.actions import actions_service_pb2
from flyteidl2.common import identifier_pb2, phase_pb2
from flyteidl2.core import execution_pb2
from flyteidl2.workflow import run_definition_pb2

from ...model.status import Rejected
from ...runner.outcome_files import failure_in
from ..engine.cache import cache_key, offloaded_hash
from ..engine.creation import child_records
from ..store.actions import ROOT
from .listings import signal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ..engine.engine import Flyte2Engine
    from ..store.actions import StoredAction
    from ..wire.call import Incoming
    from .identity import Identities

__all__ = ["ActionsHandlers"]

_KIND = {run_definition_pb2.ErrorInfo.KIND_USER: 1, run_definition_pb2.ErrorInfo.KIND_SYSTEM: 2}


class ActionsHandlers:
    """One method per RPC."""

    def __init__(self, engine: Flyte2Engine, identities: Identities) -> None:
        self._engine = engine
        self._actions = engine.context.actions
        self._places = engine.context.places
        self._identities = identities

    def Enqueue(self, request: Any, _call: Incoming) -> Any:
        """Adds an action below another one; a task that is there is refused with INTERNAL, a condition is not."""
        action = request.action
        run, name = action.action_id.run, action.action_id.name
        if action.parent_action_name:
            parent_id = identifier_pb2.ActionIdentifier(run=run, name=action.parent_action_name)
            parent = self._actions.find(parent_id)
            if parent is None:
                resource = f"{run.name}-{action.parent_action_name}"
                text = f'failed to get parent TaskAction {resource}: taskactions.flyte.org "{resource}" not found'
                raise Rejected("INTERNAL", text)
        else:
            parent = None
        run_spec = request.run_spec if request.HasField("run_spec") else None
        if run_spec is None:
            root = self._actions.find(identifier_pb2.ActionIdentifier(run=run, name=ROOT))
            run_spec = None if root is None else root.spec.run_spec
        action.action_id.run.org = ""
        records = child_records(action, run_spec, self._places)
        if records is None:
            return actions_service_pb2.EnqueueResponse()
        details, spec = records
        stored, added = self._actions.add(details, spec, self._cache_key(action))
        if not added:
            if details.metadata.action_type == run_definition_pb2.ACTION_TYPE_TASK:
                resource = f"{run.name}-{name}"
                text = f'failed to create TaskAction CR {resource}: taskactions.flyte.org "{resource}" already exists'
                raise Rejected("INTERNAL", text)
            return actions_service_pb2.EnqueueResponse()
        if parent is not None and details.metadata.action_type != run_definition_pb2.ACTION_TYPE_TRACE:
            self._engine.enqueued_by(parent.details.id)
        self._engine.created(stored)
        return actions_service_pb2.EnqueueResponse()

    async def WatchForUpdates(self, request: Any, _call: Incoming) -> AsyncIterator[Any]:
        """An action and what it has enqueued as they are, a sign that this was all, then what changes."""
        parent = request.parent_action_id
        sent: dict[str, Any] = {}
        first = True
        with self._engine.context.hub.subscribe(parent.run.name) as ear:
            while True:
                found = self._actions.children(parent)
                own = self._actions.find(parent)
                for one in [*([own] if own is not None else []), *found]:
                    mark = (one.details.status.phase, one.details.status.attempts)
                    if sent.get(one.details.id.name) != mark:
                        sent[one.details.id.name] = mark
                        yield self._update(one)
                if first:
                    first = False
                    response = actions_service_pb2.WatchForUpdatesResponse()
                    response.control_message.sentinel = True
                    yield response
                await ear.changed()

    def Abort(self, request: Any, call: Incoming) -> Any:
        """Aborts an action with everything below it."""
        identity = request.aborted_by if request.HasField("aborted_by") else self._identities.of(call)
        if not self._engine.abort(request.action_id, request.reason, identity):
            resource = f"{request.action_id.run.name}-{request.action_id.name}"
            raise Rejected("NOT_FOUND", f'taskactions.flyte.org "{resource}" not found')
        return actions_service_pb2.AbortResponse()

    def Signal(self, request: Any, call: Incoming) -> Any:
        """Gives a condition its value."""
        kind = request.value.scalar.primitive.WhichOneof("value")
        simple = {"integer": 1, "float_value": 2, "string_value": 3, "boolean": 4}.get(kind or "", 0)
        if not simple:
            raise Rejected("INVALID_ARGUMENT", "signal value must be a concrete bool/int/float/str literal")
        identity = request.signalled_by if request.HasField("signalled_by") else self._identities.of(call)
        signal(self._engine, request.action_id, request.value, simple, identity)
        return actions_service_pb2.SignalResponse()

    def _cache_key(self, action: Any) -> str:
        """The key that the task's own process has made, else one of ours."""
        if action.WhichOneof("spec") != "task":
            return ""
        if action.task.HasField("cache_key"):
            return str(action.task.cache_key.value)
        template = action.task.spec.task_template
        if not template.metadata.discoverable:
            return ""
        from flyteidl2.task import common_pb2

        uri = action.input_uri if action.input_uri.endswith("inputs.pb") else f"{action.input_uri}/inputs.pb"
        inputs = common_pb2.Inputs.FromString(self._places.read(uri) or b"")
        return cache_key(offloaded_hash(inputs, template.metadata.cache_ignore_input_vars), template)

    def _update(self, one: StoredAction) -> Any:
        details = one.details
        response = actions_service_pb2.WatchForUpdatesResponse()
        update = response.action_update
        update.action_id.CopyFrom(details.id)
        update.phase = details.status.phase
        number = max(1, len(details.attempts))
        prefix = self._places.output_prefix(one.spec.run_output_base, details.id.run.name, details.id.name, number)
        # Of a trace the place of its outputs came with it.
        is_trace = details.metadata.action_type == run_definition_pb2.ACTION_TYPE_TRACE
        update.output_uri = details.attempts[-1].outputs.output_uri if is_trace and details.attempts else prefix
        if details.HasField("signal_info"):
            update.value.CopyFrom(details.signal_info.output)
        if details.status.phase == phase_pb2.ACTION_PHASE_FAILED:
            update.error.CopyFrom(self._error(details, prefix))
        return response

    def _error(self, details: Any, prefix: str) -> Any:
        """The error with its code, which clients of RunService are not told: the task's own words, else what is recorded."""
        said = failure_in(self._places.path(prefix))
        if said is not None:
            return execution_pb2.ExecutionError(code=said.code, message=said.message, kind=said.kind)
        info = details.error_info
        return execution_pb2.ExecutionError(code="SYSTEM", message=info.message, kind=_KIND.get(info.kind, 0))
