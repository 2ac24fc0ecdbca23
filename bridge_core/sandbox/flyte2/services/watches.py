"""RunService, its streams. As in the backend, what ends a stream says nothing: a deadline ends it with OK, a run's end may not.

* WatchActionDetails ends with the last *attempt*, while the status of the action may still be RUNNING.
* WatchRunDetails sends empty details and never ends. WatchActions, WatchRuns and WatchGroups never end.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from flyteidl2.common import identifier_pb2
from flyteidl2.workflow import run_definition_pb2, run_service_pb2

from ...model.status import Rejected
from ..store.actions import ROOT, is_terminal
from .listings import attempt_of, no_event
from .runs import crashed, run_not_found

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ..engine.engine import Flyte2Engine
    from ..store.actions import StoredAction
    from ..wire.call import Incoming

__all__ = ["WatchHandlers"]

_RUNS = 100


class WatchHandlers:
    """One asynchronous generator per RPC."""

    def __init__(self, engine: Flyte2Engine) -> None:
        self._actions = engine.context.actions
        self._hub = engine.context.hub
        self._database = engine.context.database

    async def WatchActionDetails(self, request: Any, _call: Incoming) -> AsyncIterator[Any]:
        """An action as it changes, until its last attempt has ended."""
        if not request.HasField("action_id"):
            raise crashed()
        with self._hub.subscribe(request.action_id.run.name) as ear:
            sent = None
            while True:
                found = self._actions.find(request.action_id)
                if found is None:
                    text = "failed to get action details: not_found: action not found: action not found"
                    raise Rejected("NOT_FOUND", text)
                found.details.id.CopyFrom(request.action_id)
                data = found.details.SerializeToString(deterministic=True)
                if data != sent:
                    sent = data
                    yield run_service_pb2.WatchActionDetailsResponse(details=found.details)
                attempts = found.details.attempts
                if attempts and is_terminal(attempts[-1].phase):
                    return
                await ear.changed()

    async def WatchRunDetails(self, request: Any, _call: Incoming) -> AsyncIterator[Any]:
        """Empty details, once per change."""
        root = identifier_pb2.ActionIdentifier(run=request.run_id, name=ROOT)
        if self._actions.find(root) is None:
            raise run_not_found(request.run_id)
        with self._hub.subscribe(request.run_id.name) as ear:
            while True:
                yield run_service_pb2.WatchRunDetailsResponse(details=run_definition_pb2.RunDetails())
                await ear.changed()

    async def WatchActions(self, request: Any, _call: Incoming) -> AsyncIterator[Any]:
        """All actions of a run, then those that change."""
        fits = _filter(request.filter)
        sent: dict[str, bytes] = {}
        with self._hub.subscribe(request.run_id.name) as ear:
            while True:
                found = self._actions.of_run(request.run_id)
                counts = _children(found)
                response = run_service_pb2.WatchActionsResponse()
                for one in found:
                    data = one.action.SerializeToString(deterministic=True) + repr(counts[one.details.id.name]).encode()
                    if sent.get(one.details.id.name) != data:
                        sent[one.details.id.name] = data
                        enriched = response.enriched_actions.add(action=one.action, meets_filter=fits(one))
                        for phase, number in counts[one.details.id.name].items():
                            enriched.children_phase_counts[phase] = number
                if response.enriched_actions:
                    yield response
                await ear.changed()

    async def WatchRuns(self, request: Any, _call: Incoming) -> AsyncIterator[Any]:
        """The newest runs, then those that change. Only a project narrows them down."""
        sent: dict[int, bytes] = {}
        scope, arguments = "name=?", [ROOT]
        if request.WhichOneof("target") == "project_id":
            scope += " AND project=? AND domain=?"
            arguments += [request.project_id.name, request.project_id.domain]
        with self._hub.subscribe() as ear:
            while True:
                response = run_service_pb2.WatchRunsResponse()
                for one in self._actions.newest(scope, tuple(arguments), _RUNS):
                    data = one.action.SerializeToString(deterministic=True)
                    if sent.get(one.row) != data:
                        sent[one.row] = data
                        response.runs.add(action=one.action)
                if response.runs:
                    yield response
                await ear.changed()

    async def WatchClusterEvents(self, request: Any, _call: Incoming) -> AsyncIterator[Any]:
        """What happened to the pod of an attempt, until that has ended."""
        with self._hub.subscribe(request.id.run.name) as ear:
            seen = 0
            while True:
                found = self._actions.find(request.id)
                attempt = None if found is None else attempt_of(found.details, request.attempt)
                if attempt is None:
                    raise no_event(request.id, request.attempt)
                events = attempt.cluster_events[seen:]
                seen += len(events)
                if events:
                    yield run_service_pb2.WatchClusterEventsResponse(cluster_events=events)
                if is_terminal(attempt.phase):
                    return
                await ear.changed()

    async def WatchGroups(self, request: Any, _call: Incoming) -> AsyncIterator[Any]:
        """Runs by task, then the sign that this was all, then what changes."""
        sent: dict[tuple[str, str], bytes] = {}
        first = True
        with self._hub.subscribe() as ear:
            while True:
                response = run_service_pb2.WatchGroupsResponse()
                for group in self._groups(request):
                    key, data = (group.task_name, group.environment_name), group.SerializeToString(deterministic=True)
                    if sent.get(key) != data:
                        sent[key] = data
                        response.task_groups.append(group)
                if response.task_groups:
                    yield response
                if first:
                    yield run_service_pb2.WatchGroupsResponse(sentinel=True)
                    first = False
                await ear.changed()

    def _groups(self, request: Any) -> list[Any]:
        groups: dict[tuple[str, str], Any] = {}
        project = request.project_id
        scope = "name=? AND project=? AND domain=?"
        for one in self._actions.newest(scope, (ROOT, project.name, project.domain), 1000):
            metadata, status = one.details.metadata, one.details.status
            key = (metadata.task.id.name, metadata.environment_name)
            group = groups.get(key)
            if group is None:
                group = groups[key] = run_definition_pb2.TaskGroup(task_name=key[0], environment_name=key[1])
                group.short_name = metadata.task.short_name
                group.latest_run_time.CopyFrom(status.start_time)
            group.total_runs += 1
            if len(group.recent_statuses) < _RUNS // 10:
                group.recent_statuses.add(run_name=one.details.id.run.name, phase=status.phase)
        return list(groups.values())


def _children(found: list[StoredAction]) -> dict[str, Counter[int]]:
    counts: dict[str, Counter[int]] = {one.details.id.name: Counter() for one in found}
    for one in found:
        if one.details.metadata.parent in counts:
            counts[one.details.metadata.parent][one.details.status.phase] += 1
    return counts


def _filter(filters: Any) -> Any:
    """Whether an action meets the filters: NAME contains, PHASE is one of."""
    names, phases = [], None
    for one in filters:
        function = type(one).Function.Name(one.function)
        if (one.field, function) == ("NAME", "CONTAINS_CASE_INSENSITIVE"):
            names += [value.lower() for value in one.values]
        elif (one.field, function) == ("PHASE", "VALUE_IN"):
            phases = {int(value) for value in one.values}
        else:
            text = f"function {function} is not supported for filter {one.field}"
            raise Rejected("INVALID_ARGUMENT", text)

    def fits(one: StoredAction) -> bool:
        metadata = one.details.metadata
        name = (metadata.task.short_name or metadata.funtion_name).lower()
        if phases is not None and one.details.status.phase not in phases:
            return False
        return all(part in name for part in names)

    return fits
