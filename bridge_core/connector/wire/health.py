"""grpc.health.v1, by hand: two messages of one field each are no reason for another package."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import grpc

__all__ = ["Health"]

_SERVICE = "grpc.health.v1.Health"
_SERVING, _NOT_SERVING, _UNKNOWN_SERVICE = b"\x08\x01", b"\x08\x02", b"\x08\x03"  # HealthCheckResponse{status}
_NAME_FIELD = 0x0A  # HealthCheckRequest{string service = 1}
_ONE_BYTE = 0x80


class Health:
    """Whether the services serve: all of them, until the server stops.

    Args:
        services: Full names.
    """

    def __init__(self, services: Iterable[str]) -> None:
        self._names = {"", _SERVICE, *services}
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Says NOT_SERVING from now on, so that no new call is sent here."""
        self._stopping.set()

    def handler(self) -> Any:
        """For the server."""
        return grpc.method_handlers_generic_handler(
            _SERVICE,
            {
                "Check": grpc.unary_unary_rpc_method_handler(self._check),
                "Watch": grpc.unary_stream_rpc_method_handler(self._watch),
            },
        )

    async def _check(self, request: bytes, context: Any) -> bytes:
        if _name(request) not in self._names:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such service here")
        return self._status()

    async def _watch(self, request: bytes, _: Any) -> AsyncIterator[bytes]:
        if _name(request) not in self._names:
            yield _UNKNOWN_SERVICE
        else:
            yield self._status()
        await self._stopping.wait()
        yield _NOT_SERVING

    def _status(self) -> bytes:
        return _NOT_SERVING if self._stopping.is_set() else _SERVING


def _name(request: bytes) -> str | None:
    if not request:
        return ""
    if len(request) < 2 or request[0] != _NAME_FIELD or request[1] >= _ONE_BYTE or len(request) != 2 + request[1]:  # noqa: PLR2004
        return None
    return request[2:].decode(errors="replace")
