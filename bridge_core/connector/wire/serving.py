"""Puts a service on a server of grpc.aio, so that bytes which are no message get a typed answer: grpc.aio's own is UNKNOWN."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
from google.protobuf import message_factory
from google.protobuf.message import DecodeError

from ...model.errors import InvalidRequest
from .common import refuse

__all__ = ["Later", "handlers_of"]


class _Unreadable:
    """Stands for a request that could not be parsed."""

    def __init__(self, error: InvalidRequest) -> None:
        self.error = error


class Later(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # generic in the stubs only
    """Services whose messages are imported by the first call to one of them: half of a start would go into what nobody may ask.

    Args:
        prefix: How their full names begin.
        make: Gives the handlers of all of them, by path.
    """

    def __init__(self, prefix: str, make: Callable[[], dict[str, Any]]) -> None:
        self._prefix = f"/{prefix}"
        self._make = make
        self._handlers: dict[str, Any] | None = None

    def service(self, handler_call_details: Any) -> Any:
        """The handler of a call; None for calls of others."""
        path = handler_call_details.method
        if not path.startswith(self._prefix):
            return None
        if self._handlers is None:
            self._handlers = self._make()
        return self._handlers.get(path)


def handlers_of(service: Any, servicer: object) -> dict[str, Any]:
    """Handlers of a service, by path.

    Args:
        service: Its descriptor.
        servicer: Has a method for each RPC.
    """
    return {
        f"/{service.full_name}/{method.name}": _handler(method, getattr(servicer, method.name))
        for method in service.methods
    }


def _handler(method: Any, behaviour: Callable[..., Any]) -> Any:
    coders: dict[str, Any] = {
        "request_deserializer": _parser(method),
        "response_serializer": message_factory.GetMessageClass(method.output_type).SerializeToString,
    }
    if method.client_streaming:

        async def stream_stream(requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
            async for answer in behaviour(_readable(requests), context):
                yield answer

        return grpc.stream_stream_rpc_method_handler(stream_stream, **coders)
    if method.server_streaming:

        async def unary_stream(request: Any, context: Any) -> AsyncIterator[Any]:
            if isinstance(request, _Unreadable):
                await refuse(context, request.error)
            async for answer in behaviour(request, context):
                yield answer

        return grpc.unary_stream_rpc_method_handler(unary_stream, **coders)

    async def unary_unary(request: Any, context: Any) -> Any:
        if isinstance(request, _Unreadable):
            await refuse(context, request.error)
        return await behaviour(request, context)

    return grpc.unary_unary_rpc_method_handler(unary_unary, **coders)


def _parser(method: Any) -> Callable[[bytes], Any]:
    kind = message_factory.GetMessageClass(method.input_type)

    def parse(data: bytes) -> Any:
        try:
            return kind.FromString(data)
        except DecodeError:
            return _Unreadable(
                InvalidRequest(f"{method.name}: {len(data)} bytes that are no {method.input_type.full_name}")
            )

    return parse


async def _readable(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for request in requests:
        if isinstance(request, _Unreadable):
            raise request.error
        yield request
