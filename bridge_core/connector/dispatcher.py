"""`Dispatcher`: what a request of Flyte means for a connector, the same for both wires.

It finds the connector, calls it in its lane, and turns whatever it answers or raises into an answer or a `Refusal`. Requests are
counted and logged here, without their values; secrets that connectors looked up are masked.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ..model.errors import BridgeError, InvalidRequest, LiteralError, Unsupported
from .answers import outputs_of
from .calling import accepted
from .envelope import opened, sealed
from .errors import ConnectorNotFound, status_of
from .lanes import Lane
from .masks import masked, masked_data, refuse_secrets, secrets_are_known
from .metrics import ConnectorMetrics
from .phases import TaskPhase
from .values import JobLog, Resource

if TYPE_CHECKING:
    from .registry import ConnectorRegistry
    from .task import TaskTemplate
    from .values import TaskCategory

__all__ = ["Answer", "Dispatcher", "Refusal"]

T = TypeVar("T")

_log = logging.getLogger("bridge_core.connector")
_UNKNOWN = "unknown"
_REMEMBERED = 4096
_FRESH = 600.0  # seconds within which a repeated CreateTask is answered from memory
_CLOSE_WITHIN = 1.0
_LONGEST_MESSAGE = 8000  # characters: gRPC sends details in a header, of 8 KiB by default


class Refusal(Exception):
    """A request that ends with a status. Its text is fit to be sent."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Answer(NamedTuple):
    """The state of a job, its outputs encoded."""

    resource: Resource
    outputs: Any


class Dispatcher:
    """Calls connectors. Used from one event loop.

    Args:
        registry: Who is there.
        timeout: Seconds a connector has for one call.
        workers: Plain (not ``async``) methods of one connector at once.
        metrics: Where requests are counted.
    """

    def __init__(self, registry: ConnectorRegistry, *, timeout: float, workers: int, metrics: ConnectorMetrics) -> None:
        self.registry = registry
        self._timeout = timeout
        self._workers = workers
        self._metrics = metrics
        self._lanes: dict[int, Lane] = {}
        self._creating: dict[bytes, asyncio.Task[bytes]] = {}
        self._created: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()

    async def create(self, template: TaskTemplate, arguments: Mapping[str, Any], request: bytes | None) -> bytes:
        """Has a job created; returns the resource meta for Flyte.

        Args:
            template: The task.
            arguments: Keywords for the connector.
            request: What is equal for equal requests, of a task whose run is known: a request that comes again while it is
                worked on waits for the same answer, and one that comes shortly after gets it again. None: every request is
                one of its own.
        """

        async def work(connector: Any) -> bytes:
            if connector.is_sync:
                raise InvalidRequest(
                    f"connector {connector.name!r} is a sync connector: Flyte sends it ExecuteTaskSync"
                )
            going = self._creating.get(request) if request is not None else None
            if going is None:
                if (known := self._answered(request)) is not None:
                    return known
                going = asyncio.ensure_future(self._create(connector, template, arguments, request))
                if request is not None:
                    self._creating[request] = going
            return await asyncio.shield(going)

        return await self._observed("create", template.type, template.task_type_version, work)

    async def get(self, category: TaskCategory, resource_meta: bytes, more: Mapping[str, Any]) -> Answer:
        """The state of a job."""

        async def work(connector: Any) -> Answer:
            meta, types = _decoded(connector, resource_meta)
            resource = await self._call(connector, connector.get, {"resource_meta": meta, **more})
            return _answer(connector, resource, types)

        return await self._observed("get", category.name, category.version, work)

    async def delete(self, category: TaskCategory, resource_meta: bytes, more: Mapping[str, Any]) -> None:
        """Has a job stopped."""

        async def work(connector: Any) -> None:
            meta, _ = _decoded(connector, resource_meta)
            await self._call(connector, connector.delete, {"resource_meta": meta, **more})

        await self._observed("delete", category.name, category.version, work)

    async def metrics(self, category: TaskCategory, resource_meta: bytes, more: Mapping[str, Any]) -> Any:
        """What the connector says of the job's metrics."""

        async def work(connector: Any) -> Any:
            meta, _ = _decoded(connector, resource_meta)
            return await self._call(connector, connector.get_metrics, {"resource_meta": meta, **more})

        return await self._observed("get_metrics", category.name, category.version, work)

    async def logs(self, category: TaskCategory, resource_meta: bytes, more: Mapping[str, Any]) -> AsyncIterator[Any]:
        """What the connector yields of the job's log."""

        async def work(connector: Any) -> AsyncIterator[Any]:
            meta, _ = _decoded(connector, resource_meta)
            method = connector.get_logs
            arguments = accepted(method, {"resource_meta": meta, **more})
            return self._lane(connector).items(method, arguments, timeout=self._timeout)

        items = await self._observed("get_logs", category.name, category.version, work)
        while True:
            try:
                item = await anext(items)
            except StopAsyncIteration:
                return
            except Exception as error:  # noqa: BLE001 - the boundary to connectors: whatever they raise is an answer
                raise _refusal("get_logs", category.name, error) from None
            yield item

    async def execute(self, template: TaskTemplate, arguments: Mapping[str, Any]) -> Answer:
        """Has a sync connector do a task."""

        async def work(connector: Any) -> Answer:
            if not connector.is_sync:
                raise InvalidRequest(f"connector {connector.name!r} does not support sync execution")
            resource = await self._call(connector, connector.do, arguments)
            answer = _answer(connector, resource, template.outputs)
            if not answer.resource.phase.is_terminal:
                raise InvalidRequest(
                    f"connector {connector.name!r} answered {answer.resource.phase.name}; a sync connector has finished when it "
                    "answers"
                )
            return answer

        return await self._observed("do", template.type, template.task_type_version, work)

    async def settle(self, timeout: float) -> None:
        """Waits for jobs that are being created."""
        if self._creating:
            await asyncio.wait(set(self._creating.values()), timeout=timeout)

    async def close(self) -> None:
        """Lets the connectors that were asked close, and drops what still runs."""
        for connector in self.registry.connectors.values():
            lane, close = self._lanes.get(id(connector)), getattr(connector, "close", None)
            if lane is None or close is None:
                continue
            try:
                await lane.call(close, {}, timeout=_CLOSE_WITHIN)
            except Exception as error:  # noqa: BLE001 - a team's code must not keep the service from stopping
                _log.warning("connector %r could not be closed: %s", connector.name, masked(repr(error)))
        for lane in self._lanes.values():
            lane.close()

    # -- inside

    async def _create(
        self, connector: Any, template: TaskTemplate, arguments: Mapping[str, Any], request: bytes | None
    ) -> bytes:
        try:
            method = connector.create
            given = accepted(method, arguments)
            meta = await self._lane(connector).call(method, given, timeout=self._timeout, keep=True)
            encode = getattr(meta, "encode", None)
            if isinstance(meta, str) or not callable(encode):
                raise InvalidRequest(
                    f"connector {connector.name!r}: create must return a ResourceMeta, got {type(meta).__name__}"
                )
            data = encode()
            refuse_secrets(data, f"connector {connector.name!r}: the resource meta")
            found = sealed(data, template.outputs)
            if request is not None:
                self._created[request] = (time.monotonic(), found)
                while len(self._created) > _REMEMBERED:
                    self._created.popitem(last=False)
            return found
        finally:
            if request is not None:
                self._creating.pop(request, None)

    def _answered(self, request: bytes | None) -> bytes | None:
        if request is None or request not in self._created:
            return None
        moment, found = self._created[request]
        if time.monotonic() - moment > _FRESH:
            del self._created[request]
            return None
        return found

    async def _call(self, connector: Any, method: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
        return await self._lane(connector).call(method, accepted(method, arguments), timeout=self._timeout)

    def _lane(self, connector: Any) -> Lane:
        if id(connector) not in self._lanes:
            self._lanes[id(connector)] = Lane(connector.name, self._workers)
        return self._lanes[id(connector)]

    async def _observed(self, method: str, task_type: str, version: int, work: Callable[[Any], Awaitable[T]]) -> T:
        began, name, outcome = time.monotonic(), _UNKNOWN, "OK"
        try:
            connector = self.registry.get_connector(task_type, version)
        except ConnectorNotFound as error:
            self._metrics.begun(name, method)
            self._metrics.ended(name, method, "NOT_FOUND", 0.0)
            raise Refusal("NOT_FOUND", masked(error.message)) from None
        name = connector.name
        self._metrics.begun(name, method)
        try:
            return await work(connector)
        except asyncio.CancelledError:
            outcome = "CANCELLED"
            raise
        except Exception as error:  # noqa: BLE001 - the boundary to connectors: whatever they raise is an answer
            refusal = _refusal(method, task_type, error)
            outcome = refusal.code
            raise refusal from None
        finally:
            seconds = time.monotonic() - began
            self._metrics.ended(name, method, outcome, seconds)
            # Every job is asked for every few seconds: that it was says nothing, and the metrics count it.
            level = logging.DEBUG if (method, outcome) == ("get", "OK") else logging.INFO
            if _log.isEnabledFor(level):
                fields = {
                    "connector": name,
                    "method": method,
                    "task_type": task_type,
                    "task_type_version": version,
                    "outcome": outcome,
                    "seconds": round(seconds, 6),
                }
                text = "%s of %s_v%d by %s: %s, %.3f s"
                _log.log(level, text, method, task_type, version, name, outcome, seconds, extra={"fields": fields})


def _decoded(connector: Any, data: bytes) -> tuple[Any, dict[str, Any]]:
    if connector.is_sync:
        raise InvalidRequest(f"connector {connector.name!r} is a sync connector and has no jobs")
    meta, types = opened(data)
    try:
        return connector.metadata_type.decode(meta), types
    except BridgeError:
        raise
    except Exception as error:  # noqa: BLE001 - a connector's own decode, given bytes that anybody may have sent
        raise InvalidRequest(
            f"connector {connector.name!r}: the resource meta is none of its own: {type(error).__name__}: {error}"
        ) from None


def _answer(connector: Any, resource: Any, types: Mapping[str, Any]) -> Answer:
    if not isinstance(resource, Resource):
        raise InvalidRequest(f"connector {connector.name!r} must answer a Resource, got {type(resource).__name__}")
    if secrets_are_known():
        resource = dataclasses.replace(
            resource,
            message=masked(resource.message) if resource.message else resource.message,
            log_links=[JobLog(log.name, masked(log.uri)) for log in resource.log_links or ()],
            custom_info=masked_data(resource.custom_info),
        )
    if resource.phase is not TaskPhase.SUCCEEDED:
        return Answer(resource, None)
    try:
        return Answer(resource, outputs_of(resource, types))
    except (LiteralError, Unsupported) as error:
        # The job has ended, and asking again would give the same: a failure of the task, not of the call.
        text = f"the job succeeded, but its outputs do not fit what the task declares: {error.message}"
        return Answer(dataclasses.replace(resource, phase=TaskPhase.FAILED, message=masked(text), outputs=None), None)


def _refusal(method: str, task_type: str, error: Exception) -> Refusal:
    if isinstance(error, Refusal):
        return error
    code = status_of(error)
    said = error.message if isinstance(error, BridgeError) else f"{type(error).__name__}: {error}"
    text = masked(f"failed to {method} {task_type} task: {said}")
    if code == "INTERNAL":
        import traceback

        _log.error("%s", masked("".join(traceback.format_exception(error)).rstrip()))
    else:
        _log.warning("%s: %s", code, text)
    return Refusal(code, text[:_LONGEST_MESSAGE])
