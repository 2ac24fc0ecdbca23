"""Connect on an event loop: how `AioTransport` sends when Flyte is reached in HTTP/1.1. One connection per open stream."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from .connect import (
    ENOUGH,
    Body,
    Frames,
    Refused,
    base_url,
    enveloped,
    failure_of,
    failures,
    head,
    in_time,
    is_answer,
    is_stream,
    own_failure,
    patience,
    told,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    import httpcore

    from ..config import Config
    from .base import Metadata, Method, Req, Resp

__all__ = ["AioConnect"]


class AioConnect:
    """Opened on first use.

    Args:
        config: Whom to talk to.
        threaded: Runs what reads certificate files.
        until: A context that raises TimeoutError after so many seconds (``asyncio.timeout``; the loop belongs to the caller).
    """

    def __init__(
        self,
        config: Config,
        threaded: Callable[..., Awaitable[Any]],
        until: Callable[[float], contextlib.AbstractAsyncContextManager[Any]],
    ) -> None:
        self._config = config
        self._url = base_url(config.endpoint, insecure=config.insecure)
        self._threaded = threaded
        self._until = until
        self._pool: httpcore.AsyncConnectionPool | None = None
        self._proxy: str | None = None

    async def unary(self, method: Method[Req, Resp], request: Req, *, timeout: float, metadata: Metadata) -> Resp:
        """One attempt of one call.

        Raises:
            Refused: It failed.
        """
        headers = head(self._url, metadata, timeout, stream=False)
        try:
            async with (
                self._until(timeout),
                self._sent(method.path, method.encode(request), headers, timeout) as (response, about),
            ):
                body = Body(about, self._config.max_message_bytes)
                async for chunk in response.aiter_stream():
                    body.feed(chunk)
        except TimeoutError:
            raise Refused("DEADLINE_EXCEEDED", "no answer in time") from None
        return method.decode(body.whole())

    async def stream(
        self, method: Method[Req, Resp], request: Req, *, timeout: float, metadata: Metadata
    ) -> AsyncIterator[Resp]:
        """Messages as they come.

        Raises:
            Refused: It failed, or ended without saying so.
        """
        end = time.monotonic() + timeout
        headers = head(self._url, metadata, timeout, stream=True)
        frames = Frames(self._config.max_message_bytes)
        async with self._sent(method.path, enveloped(method.encode(request)), headers, timeout) as (response, _):
            async for chunk in response.aiter_stream():
                for message in frames.feed(chunk):
                    yield method.decode(message)
                if frames.ended:
                    return
                in_time(end)
        frames.finish()

    async def aclose(self) -> None:
        """Closes the connections."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose()

    @contextlib.asynccontextmanager
    async def _sent(
        self, path: str, body: bytes, headers: dict[str, str], timeout: float
    ) -> AsyncIterator[tuple[httpcore.Response, dict[str, str]]]:
        """The answer, whose body is still to be read, and its headers."""
        pool, end = await self._open(), time.monotonic() + timeout
        try:
            async with pool.stream(
                "POST", self._url + path, content=body, headers=list(headers.items()), extensions=patience(timeout)
            ) as response:
                about = told(response.headers)
                if not is_answer(response.status, about, stream=is_stream(headers)):
                    raise failure_of(response.status, about, await _error(response, end))
                yield response, about
        except failures() as error:
            raise own_failure(error, self._proxy) from None

    async def _open(self) -> httpcore.AsyncConnectionPool:
        if self._pool is None:
            from ..http.pools import open_async_pool
            from ..http.proxies import proxy_of

            proxy = proxy_of(self._url, self._config.auth.http_proxy_url)
            made: httpcore.AsyncConnectionPool = await self._threaded(
                open_async_pool, self._config, self._url, proxy=proxy
            )
            if self._pool is None:  # nobody opened it while certificates were read
                self._pool, self._proxy = made, proxy
        return self._pool


async def _error(response: httpcore.Response, end: float) -> bytes:
    held = bytearray()
    async for chunk in response.aiter_stream():
        held += chunk
        if len(held) >= ENOUGH:
            break
        in_time(end)
    return bytes(held)
