"""The inside of a run on Flyte 2: its actions as nodes, their attempts, reports, logs and conditions.

ListActions knows of each action its parent and phase only. WatchActions tells names and types, as a snapshot that has no end:
it is read until every listed action was told about. So a tree of any size costs two calls and its pages.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from flyteidl2.common import list_pb2
from flyteidl2.dataproxy import dataproxy_service_pb2
from flyteidl2.workflow import run_definition_pb2, run_service_pb2

from ...model.errors import BridgeError, DeadlineExceeded, InvalidRequest, NotFound, RunNotFound, Unsupported
from ...model.nodes import LogLine
from ..values import NodeValues, StoredLiterals
from . import actions
from .action_data import action_data
from .convert import ROOT, action_id, launched_from, literal_map, phase_name, phase_of, run_id, when
from .methods import rpc
from .tasks import newest_first

if TYPE_CHECKING:
    from ...calls import Calls
    from ...config import Config
    from ...model.ids import RunRef
    from ...model.nodes import Attempt, NodeSnapshot, SpanMetric

__all__ = ["Flyte2Nodes"]

_PAGE = 200
_NAMES_WITHIN = 10.0
"""Seconds for the snapshot of names; actions that it leaves out are asked for one by one."""
_TAIL_PAUSE = 0.5
"""Seconds until a log that has no new line is asked for again."""


class Flyte2Nodes:
    """The inside of runs."""

    def __init__(self, calls: Calls, config: Config) -> None:
        self._calls = calls
        self._org = config.org

    async def tree(self, ref: RunRef) -> tuple[NodeSnapshot, ...]:
        """The run's own action with all below it."""
        listed = await self._listed(ref)
        if not listed:
            raise RunNotFound(f"no run {ref}, or it has no action yet")
        named = await self._named(ref, set(listed))
        root = (await self._details(ref, ROOT)) if ROOT in listed else None
        return actions.tree(listed, named, root)

    async def attempts(self, ref: RunRef, node_id: str) -> tuple[Attempt, ...]:
        """Attempts of one action, oldest first."""
        details = await self._details(ref, node_id)
        return tuple(actions.attempt(details, item) for item in details.attempts)

    async def values(self, ref: RunRef, node_id: str, attempt: int | None) -> NodeValues:
        """GetActionData. The server keeps the values of the last attempt only.

        Raises:
            NotFound: No such action or attempt.
            Unsupported: An attempt before the last.
        """
        details = await self._details(ref, node_id)
        if attempt is not None:
            numbers = [item.attempt - 1 for item in details.attempts]
            if attempt not in numbers:
                raise NotFound(f"action {node_id} of run {ref} has no attempt {attempt}; it has {numbers}")
            if attempt != max(numbers):
                raise Unsupported(
                    f"attempt {attempt} of action {node_id} of run {ref}: Flyte 2 gives values of the last attempt only "
                    f"({max(numbers)})"
                )
        request = dataproxy_service_pb2.GetActionDataRequest(action_id=action_id(ref, self._org, node_id))
        data = await action_data(self._calls, request)
        entity = launched_from(details.metadata)
        return NodeValues(
            phase=phase_name(details.status.phase),
            inputs=StoredLiterals(literals=literal_map(data.inputs)),
            outputs=StoredLiterals(literals=literal_map(data.outputs)),
            task=entity if details.metadata.WhichOneof("spec") == "task" else None,
        )

    async def deck_urls(self, ref: RunRef, node_id: str) -> list[str]:
        """CreateDownloadLink of the last attempt's report. Every attempt has a link; whether there is a report, its GET says."""
        details = await self._details(ref, node_id or ROOT)
        if not details.attempts:
            return []
        request = dataproxy_service_pb2.CreateDownloadLinkRequest(
            artifact_type=dataproxy_service_pb2.ARTIFACT_TYPE_REPORT
        )
        request.action_attempt_id.action_id.CopyFrom(action_id(ref, self._org, node_id or ROOT))
        request.action_attempt_id.attempt = details.attempts[-1].attempt
        try:
            answer = await self._calls.unary(rpc("CreateDownloadLink"), request)
        except NotFound:
            return []
        return list(answer.pre_signed_urls.signed_url)

    async def metrics(self, ref: RunRef) -> SpanMetric:
        """How long each action was in which phase."""
        listed = await self._listed(ref)
        if not listed:
            raise RunNotFound(f"no run {ref}, or it has no action yet")

        async def read(name: str) -> Any:
            return await self._details(ref, name)

        found = await self._calls.transport.map_calls(read, list(listed), limit=8)
        return actions.spans(ref.name, found)

    async def tail(self, ref: RunRef, node_id: str, attempt: int | None) -> AsyncIterator[LogLine]:
        """TailLogs, begun again while the attempt goes on: that a stream ended says nothing about the attempt.

        Each begins with the first line, so those that are known are left out.
        """
        name = await self._action(ref, node_id)
        number, over = attempt, False
        if number is None:
            details = await self._details(ref, name)
            number = max((item.attempt - 1 for item in details.attempts), default=0)
            over = _is_over(details, number)
        request = dataproxy_service_pb2.TailLogsRequest(
            action_id=action_id(ref, self._org, name), attempt=number + 1, primary_pod=True
        )
        known = 0
        while True:
            count = 0
            try:
                async for answer in self._calls.stream(rpc("TailLogs"), request, timeout=_LONGEST_TAIL):
                    for line in _lines(answer):
                        count += 1
                        if count > known:
                            yield line
            except NotFound:
                if over and known:  # its pod is gone by now
                    return
                raise
            except DeadlineExceeded:  # our own; the server may as well end the stream with OK then
                over = False
            if over:  # already when the stream began, so nothing is missing
                return
            if count <= known:
                await self._calls.transport.sleep(_TAIL_PAUSE)
            known = max(known, count)
            over = _is_over(await self._details(ref, name), number)

    async def gate_type(self, ref: RunRef, signal_id: str) -> Any | None:
        """Type of the condition of that name or id, once the run has reached it."""
        details = await self._condition(ref, signal_id)
        return None if details is None else actions.literal_type(details.metadata.condition.type)

    async def set_signal(self, ref: RunRef, signal_id: str, literal: Any) -> None:
        """SignalEvent.

        Raises:
            InvalidRequest: It has another value already, or takes none of this kind.
        """
        details = await self._condition(ref, signal_id)
        if details is None:
            raise NotFound(f"run {ref} has no condition {signal_id!r}")
        request = run_service_pb2.SignalEventRequest(
            action_id=details.id, parent_action_name=details.metadata.parent, payload=_payload(signal_id, literal)
        )
        await self._calls.unary(rpc("SignalEvent"), request)

    async def _condition(self, ref: RunRef, signal_id: str) -> Any | None:
        listed = await self._listed(ref)
        if not listed:
            raise RunNotFound(f"no run {ref}, or it has no action yet")
        named = await self._named(ref, set(listed))
        for action in named.values():
            if action.metadata.WhichOneof("spec") == "condition" and signal_id in (
                action.id.name,
                action.metadata.condition.name,
            ):
                return action
        return None

    async def _action(self, ref: RunRef, node: str) -> str:
        """The id of an action that is named by id or by its task."""
        if not node or node == ROOT:
            return ROOT
        listed = await self._listed(ref)
        if node in listed:
            return node
        named = await self._named(ref, set(listed))
        for name, action in named.items():
            if node == actions.name_of(action):
                return name
        raise NotFound(f"run {ref} has no action {node!r}; it has {', '.join(sorted(listed)) or 'none'}")

    async def _listed(self, ref: RunRef) -> dict[str, Any]:
        """Actions by id, as ListActions has them, oldest first."""
        order = newest_first()
        order.direction = list_pb2.Sort.ASCENDING
        request = run_service_pb2.ListActionsRequest(
            run_id=run_id(ref, self._org), request=list_pb2.ListRequest(limit=_PAGE, sort_by_fields=[order])
        )
        found: dict[str, Any] = {}
        while True:
            page = await self._calls.unary(rpc("ListActions"), request)
            found.update((item.id.name, item) for item in page.actions)
            if not page.token or not page.actions:
                return found
            request.request.token = page.token

    async def _named(self, ref: RunRef, wanted: set[str]) -> dict[str, Any]:
        """Actions by id with their names, from the first messages of WatchActions."""
        found: dict[str, Any] = {}
        request = run_service_pb2.WatchActionsRequest(run_id=run_id(ref, self._org))
        stream = self._calls.stream(rpc("WatchActions"), request, timeout=_NAMES_WITHIN)
        try:
            async for answer in stream:
                found.update((item.action.id.name, item.action) for item in answer.enriched_actions)
                if wanted <= set(found):
                    break
        except BridgeError as error:
            if not error.transient:
                raise
        finally:
            await stream.aclose()  # type: ignore[attr-defined]  # an async generator

        # That the stream ended says nothing: what it had no time for is asked for one by one.
        async def read(name: str) -> Any:
            return await self._details(ref, name)

        for details in await self._calls.transport.map_calls(read, sorted(wanted - set(found)), limit=8):
            action = run_definition_pb2.Action(id=details.id, metadata=details.metadata, status=details.status)
            found[details.id.name] = action
        return found

    async def _details(self, ref: RunRef, name: str) -> Any:
        request = run_service_pb2.GetActionDetailsRequest(action_id=action_id(ref, self._org, name))
        return (await self._calls.unary(rpc("GetActionDetails"), request)).details


_SYSTEM = 2
_LONGEST_TAIL = 24 * 3600.0


def _is_over(details: Any, number: int) -> bool:
    """Whether an attempt has ended. It says so before its action does; one that failed keeps its phase, and another follows."""
    if phase_of(details.status.phase).is_terminal:
        return True
    return any(
        item.attempt - 1 > number or (item.attempt - 1 == number and phase_of(item.phase).is_terminal)
        for item in details.attempts
    )


def _lines(answer: Any) -> Iterator[LogLine]:
    for batch in answer.logs:
        for line in batch.lines:
            yield LogLine(
                text=line.message,
                at=when(line.timestamp),
                container=batch.container.kubernetes_container_name,
                system=line.originator == _SYSTEM,
            )


def _payload(signal_id: str, literal: Any) -> Any:
    primitive = literal.scalar.primitive
    kind = primitive.WhichOneof("value")
    field = {
        "boolean": "bool_value",
        "integer": "int_value",
        "float_value": "float_value",
        "string_value": "string_value",
    }
    if kind not in field:
        raise InvalidRequest(f"condition {signal_id!r} takes a bool, an int, a float or a text")
    return run_service_pb2.EventPayload(**{field[kind]: getattr(primitive, kind)})
