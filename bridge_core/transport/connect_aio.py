"""Connect on an event loop: how `AioTransport` sends when Flyte is reached in HTTP/1.1. One connection per open stream."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from ..http.clients import load_httpx
from .connect import (
    Frames,
    Refused,
    base_url,
    enveloped,
    failure_of,
    head,
    is_answer,
    is_stream,
    own_failure,
    too_large,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    import httpx

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
        self._client: httpx.AsyncClient | None = None
        self._proxy: str | None = None

    async def unary(self, method: Method[Req, Resp], request: Req, *, timeout: float, metadata: Metadata) -> Resp:
        """One attempt of one call.

        Raises:
            Refused: It failed.
        """
        headers, limit = head(metadata, timeout, stream=False), self._config.max_message_bytes
        held = bytearray()
        try:
            async with (
                self._until(timeout),
                self._sent(method.path, method.encode(request), headers, timeout) as response,
            ):
                async for chunk in response.aiter_bytes():
                    held += chunk
                    if len(held) > limit:
                        raise too_large(int(response.headers.get("content-length", len(held))), limit)
        except TimeoutError:
            raise Refused("DEADLINE_EXCEEDED", "no answer in time") from None
        return method.decode(bytes(held))

    async def stream(
        self, method: Method[Req, Resp], request: Req, *, timeout: float, metadata: Metadata
    ) -> AsyncIterator[Resp]:
        """Messages as they come.

        Raises:
            Refused: It failed, or ended without saying so.
        """
        headers = head(metadata, timeout, stream=True)
        frames = Frames(self._config.max_message_bytes)
        async with self._sent(method.path, enveloped(method.encode(request)), headers, timeout) as response:
            async for chunk in response.aiter_raw():
                for message in frames.feed(chunk):
                    yield method.decode(message)
                if frames.ended:
                    return
        frames.finish()

    async def aclose(self) -> None:
        """Closes the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    @contextlib.asynccontextmanager
    async def _sent(
        self, path: str, body: bytes, headers: dict[str, str], timeout: float
    ) -> AsyncIterator[httpx.Response]:
        load_httpx()
        import httpx

        stream, client = is_stream(headers), await self._open()
        try:
            async with client.stream(
                "POST", self._url + path, content=body, headers=headers, timeout=timeout
            ) as response:
                if not is_answer(response.status_code, response.headers, stream=stream):
                    raise failure_of(response.status_code, response.headers, await response.aread())
                yield response
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise own_failure(error, self._proxy) from None
        except RuntimeError as error:
            if self._client is client:
                raise
            raise own_failure(error, self._proxy) from None

    async def _open(self) -> httpx.AsyncClient:
        if self._client is None:
            from ..http.clients import open_async_client, proxy_of

            proxy = proxy_of(self._url, self._config.auth.http_proxy_url)
            made: httpx.AsyncClient = await self._threaded(
                open_async_client, self._config, self._url, proxy=proxy, timeout=self._config.rpc_timeout
            )
            if self._client is None:  # nobody opened it while certificates were read
                self._client, self._proxy = made, proxy
        return self._client
