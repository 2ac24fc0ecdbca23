"""Pools of connections through an HTTP proxy that leave nothing behind when a tunnel does not come about.

httpcore 1.0.9 keeps a tunnel whose handshake with Flyte failed as one that is in use, for as long as the pool lives; on an event
loop its socket stays open, too, when the handshake was cancelled, by a time-out of the whole call for instance. Behind a proxy
whose Flyte is away that is one for each question.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpcore  # noqa: TID253  # `pools.py` imports this when there is a proxy to go through

if TYPE_CHECKING:
    from httpcore import Origin, Request, Response

__all__ = ["AsyncProxyPool", "ProxyPool"]


class ProxyPool(httpcore.HTTPProxy):
    """`httpcore.HTTPProxy` whose tunnels are closed when their first request fails."""

    def create_connection(self, origin: Origin) -> httpcore.ConnectionInterface:
        """For one of its hosts."""
        return _Tunnel(super().create_connection(origin))


class AsyncProxyPool(httpcore.AsyncHTTPProxy):
    """The same on an event loop."""

    def create_connection(self, origin: Origin) -> httpcore.AsyncConnectionInterface:
        """For one of its hosts."""
        return _AsyncTunnel(super().create_connection(origin))


class _Kept:
    """What a pool asks about its connections: of a tunnel whose first request failed, that it is gone."""

    def __init__(self, made: Any) -> None:
        self._made = made
        self._is_open = self._is_lost = False

    def info(self) -> str:
        return str(self._made.info())

    def can_handle_request(self, origin: Origin) -> bool:
        return bool(self._made.can_handle_request(origin))

    def is_available(self) -> bool:
        return not self._is_lost and self._made.is_available()

    def has_expired(self) -> bool:
        return self._is_lost or self._made.has_expired()

    def is_idle(self) -> bool:
        return self._is_lost or self._made.is_idle()

    def is_closed(self) -> bool:
        return self._is_lost or self._made.is_closed()


class _Tunnel(_Kept, httpcore.ConnectionInterface):
    def handle_request(self, request: Request) -> Response:
        try:
            response: Response = self._made.handle_request(request)
        except httpcore.ConnectionNotAvailable:
            raise
        except BaseException:
            if not self._is_open:
                self._is_lost = True
                self._made.close()
            raise
        self._is_open = True
        return response

    def close(self) -> None:
        self._made.close()


class _AsyncTunnel(_Kept, httpcore.AsyncConnectionInterface):
    async def handle_async_request(self, request: Request) -> Response:
        try:
            response: Response = await self._made.handle_async_request(request)
        except httpcore.ConnectionNotAvailable:
            raise
        except BaseException:
            if not self._is_open:
                self._is_lost = True
                await self._made.aclose()  # its socket is closed before it waits for anything
            raise
        self._is_open = True
        return response

    async def aclose(self) -> None:
        await self._made.aclose()
