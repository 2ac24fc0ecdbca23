"""Puts a service on a server of grpc.aio, so that bytes which are no message get a typed answer: grpc.aio's own is UNKNOWN."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
from google.protobuf import message_factory
from google.protobuf.message import DecodeError

from ...model.errors import InvalidRequest
from .common import refuse

__all__ = ["add_service"]


class _Unreadable:
    """Stands for a request that could not be parsed."""

    def __init__(self, error: InvalidRequest) -> None:
        self.error = error


def add_service(server: Any, service: Any, servicer: object) -> None:
    """Adds a service.

    Args:
        server: Of grpc.aio.
        service: Its descriptor.
        servicer: Has a method for each RPC.
    """
    handlers = {method.name: _handler(method, getattr(servicer, method.name)) for method in service.methods}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))


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
