"""From plain handler objects to one service that speaks gRPC, gRPC-Web and Connect, with recording and planned faults.

A handler object has one method per RPC, as for Flyte 1: request in, answer out, `Rejected` for a status; here it is told the
`Incoming` call, too. Unary ones are called on a thread, because they use the store and the disk; those of streams are
asynchronous generators on the server's loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from connectrpc.method import IdempotencyLevel, MethodInfo
from connectrpc.server import ConnectASGIApplication, Endpoint
from google.protobuf import message_factory

from ...controls.calls import Call
from ...model.status import Rejected
from .call import Incoming
from .codecs import CODECS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from concurrent.futures import Executor

    from connectrpc.request import RequestContext

    from ...controls.calls import Calls
    from ...controls.faults import Fault, Faults

__all__ = ["Guard", "Service"]

_log = logging.getLogger(__name__)
_READ_LIMIT = 100 << 20  # connect-go has none; this keeps a mistake from filling the memory
_SPELLED = {"CANCELLED": "CANCELED"}


class Guard:
    """What stands before each handler of one server.

    Args:
        calls: Where calls are recorded.
        faults: What goes wrong on purpose.
        threads: Where unary handlers run.
        check: Asked first, with method and headers; raises `Rejected` to refuse.
    """

    def __init__(
        self,
        calls: Calls,
        faults: Faults,
        threads: Executor,
        check: Callable[[str, Mapping[str, str]], None] | None = None,
    ) -> None:
        self._calls = calls
        self._faults = faults
        self._threads = threads
        self._check = check
        self._stopped: asyncio.Event | None = None

    def serves(self, methods: list[str]) -> None:
        """These methods exist."""
        self._faults.serves(methods)

    def started(self, stopped: asyncio.Event) -> None:
        """The server's loop runs; the event is set when it stops."""
        self._stopped = stopped

    async def unary(self, method: str, handle: Any, request: Any, context: RequestContext[Any, Any]) -> Any:
        """Answers one unary call."""
        incoming = _incoming(context)
        try:
            self._refuse(method, incoming)
            fault = await self._before(method, request, incoming)
            loop = asyncio.get_running_loop()
            response = await loop.run_in_executor(self._threads, self._answer, method, handle, request, incoming)
            if fault is not None:
                await self._fail(fault, incoming)
        except Exception as error:  # noqa: BLE001
            raise self._refusal(method, request, incoming, error) from None
        self._record(method, request, incoming, "OK", "")
        return response

    async def stream(
        self, method: str, handle: Any, request: Any, context: RequestContext[Any, Any]
    ) -> AsyncIterator[Any]:
        """Answers one call that is answered by a stream; recorded when it begins to be answered."""
        incoming = _incoming(context)
        recorded = False
        try:
            self._refuse(method, incoming)
            fault = await self._before(method, request, incoming)
            if handle is None:
                raise _absent(method)
            ending = self._faults.flyte2.take_short_stream(method)
            async for message in _until(handle(request, incoming), incoming, self._stopped):
                if not recorded:
                    recorded = True
                    self._record(method, request, incoming, "OK", "")
                yield message
                if ending:
                    break
            if fault is not None:
                await self._fail(fault, incoming)
        except Exception as error:  # noqa: BLE001
            raise self._refusal(method, request, incoming, error) from None
        if not recorded:
            self._record(method, request, incoming, "OK", "")

    def _refuse(self, method: str, incoming: Incoming) -> None:
        if self._check is not None:
            self._check(method, incoming.headers)

    async def _before(self, method: str, request: Any, incoming: Incoming) -> Fault | None:
        delay = self._faults.take(method, request, delay=True)
        if delay is not None:
            await self._pause(delay.seconds)
        fault = self._faults.take(method, request, delay=False)
        if fault is not None and not fault.after_commit:
            await self._fail(fault, incoming)
        return fault

    def _answer(self, method: str, handle: Any, request: Any, incoming: Incoming) -> Any:
        if handle is None:
            raise _absent(method)
        with self._faults.outages.serving():
            return handle(request, incoming)

    async def _fail(self, fault: Fault, incoming: Incoming) -> None:
        if fault.dropped:
            left = incoming.seconds_left
            await self._pause(3600.0 if left is None else left + 1.0)
        raise Rejected(fault.code, fault.message)

    async def _pause(self, seconds: float) -> None:
        assert self._stopped is not None
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), seconds)

    def _refusal(self, method: str, request: Any, incoming: Incoming, error: Exception) -> ConnectError:
        if isinstance(error, Rejected):
            code, text = error.code, error.message
        else:  # The boundary to the wire: reported here, hidden from the client but for its class.
            _log.error("%s failed", method, exc_info=error)
            code, text = "INTERNAL", f"the sandbox failed to answer {method}: {type(error).__name__}"
        self._record(method, request, incoming, code, text)
        return ConnectError(Code[_SPELLED.get(code, code)], text)

    def _record(self, method: str, request: Any, incoming: Incoming, code: str, details: str) -> None:
        self._calls.record(
            Call(method=method, request=request, code=code, details=details, metadata=dict(incoming.headers))
        )


class Service(ConnectASGIApplication[None]):
    """One service; methods that no handler object has answer UNIMPLEMENTED.

    Args:
        descriptor: The protobuf ServiceDescriptor.
        guard: What stands before its handlers.
        *handlers: The handler objects; the first that has a method serves it.
    """

    def __init__(self, descriptor: Any, guard: Guard, *handlers: object) -> None:
        guard.serves([method.name for method in descriptor.methods])
        self._path = f"/{descriptor.full_name}"
        self.paths = {
            f"{self._path}/{method.name}": _endpoint(method, guard, _find(method.name, handlers))
            for method in descriptor.methods
            if not method.client_streaming
        }
        super().__init__(service=None, endpoints=lambda _service: self.paths, read_max_bytes=_READ_LIMIT, codecs=CODECS)

    @property
    def path(self) -> str:
        """First part of the paths."""
        return self._path


def _endpoint(method: Any, guard: Guard, handle: Any) -> Any:
    safe = method.GetOptions().idempotency_level == 1
    info: MethodInfo[Any, Any] = MethodInfo(
        name=method.name,
        service_name=method.containing_service.full_name,
        input=message_factory.GetMessageClass(method.input_type),
        output=message_factory.GetMessageClass(method.output_type),
        idempotency_level=IdempotencyLevel.NO_SIDE_EFFECTS if safe else IdempotencyLevel.UNKNOWN,
    )
    if method.server_streaming:

        def begin(request: Any, context: RequestContext[Any, Any]) -> AsyncIterator[Any]:
            return guard.stream(method.name, handle, request, context)

        return Endpoint.server_stream(info, begin)

    def answer(request: Any, context: RequestContext[Any, Any]) -> Awaitable[Any]:
        return guard.unary(method.name, handle, request, context)

    return Endpoint.unary(info, answer)


async def _until(messages: AsyncIterator[Any], incoming: Incoming, stopped: asyncio.Event | None) -> AsyncIterator[Any]:
    """The messages until the caller's deadline, where flyteadmin's successor ends streams with OK (`case <-ctx.Done()`)."""
    assert stopped is not None
    stopping = asyncio.ensure_future(stopped.wait())
    iterator = aiter(messages)
    try:
        while True:
            coming = asyncio.ensure_future(anext(iterator))
            done, _ = await asyncio.wait(
                (coming, stopping), timeout=incoming.seconds_left, return_when=asyncio.FIRST_COMPLETED
            )
            if coming not in done:
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)
                return
            try:
                message = coming.result()
            except StopAsyncIteration:
                return
            yield message
    finally:
        stopping.cancel()
        close = getattr(iterator, "aclose", None)
        if close is not None:
            await close()


def _incoming(context: RequestContext[Any, Any]) -> Incoming:
    left = context.timeout_ms()
    headers = {name.lower(): value for name, value in context.request_headers().allitems()}
    return Incoming(headers, None if left is None else time.monotonic() + left / 1000)


def _absent(method: str) -> Rejected:
    return Rejected("UNIMPLEMENTED", f"{method} is not supported by the sandbox; it needs a Flyte cluster")


def _find(method: str, handlers: tuple[object, ...]) -> Any:
    found = (getattr(handler, method, None) for handler in handlers)
    return next((one for one in found if one is not None), None)
