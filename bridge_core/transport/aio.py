"""gRPC on an event loop: the transport of `AsyncClient`.

Bound to the loop and the process of its first call; a forked child is refused, because grpc.aio does not survive fork
(0 of 30 children did).
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

from ..errors import BridgeError, from_status
from .base import A, Metadata, Method, P, Req, Resp, T, status_of
from .channel import channel_options, credentials

if TYPE_CHECKING:
    from ..config import Config

__all__ = ["AioTransport"]


class AioTransport:
    """The transport of `AsyncClient`.

    Args:
        config: Whom to talk to.
        tls: ``grpc.ChannelCredentials`` to use instead of those that the configuration describes.
    """

    def __init__(self, config: Config, tls: grpc.ChannelCredentials | None = None) -> None:
        self._config = config
        self._tls = tls
        self._pid = -1
        self._channel: grpc.aio.Channel | None = None

    @property
    def target(self) -> str:
        """Whom calls go to."""
        return self._config.endpoint

    async def unary(self, method: Method[Req, Resp], request: Req, *, timeout: float, metadata: Metadata) -> Resp:
        """One attempt of one call."""
        channel = await self._open()
        stub: Any = channel.unary_unary(method.path, method.encode, method.decode)
        try:
            response: Resp = await stub(request, timeout=timeout, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            code, details = status_of(error)
            raise from_status(
                code, details, rpc=method.name, target=self.target, request_id=dict(metadata).get("x-request-id")
            ) from None
        except grpc.aio.UsageError:  # the channel was closed under a call that began before
            raise from_status(
                "CANCELLED", "the client was closed", rpc=method.name, target=self.target, request_id=None
            ) from None
        return response

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await asyncio.sleep(seconds)

    async def run_io(self, func: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs it in the loop's thread pool."""
        return await asyncio.to_thread(func, *args, **kwargs)

    async def map_io(self, func: Callable[[A], T], items: Sequence[A]) -> list[T]:
        """Runs them in the loop's thread pool, at once."""
        return list(await asyncio.gather(*(asyncio.to_thread(func, item) for item in items)))

    async def map_calls(self, func: Callable[[A], Awaitable[T]], items: Sequence[A], *, limit: int) -> list[T]:
        """Awaits them as tasks."""
        gate = asyncio.Semaphore(limit)

        async def one(item: A) -> T:
            async with gate:
                return await func(item)

        tasks = [asyncio.ensure_future(one(item)) for item in items]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def now(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    def chance(self) -> float:
        """A random number from 0 to 1."""
        return random.random()  # noqa: S311  # jitter

    async def aclose(self) -> None:
        """Closes the channel. The transport may be used again."""
        channel, self._channel = self._channel, None
        if channel is not None and self._pid == os.getpid():
            await channel.close(None)

    async def _open(self) -> grpc.aio.Channel:
        if self._channel is None:
            self._pid = os.getpid()
            options = channel_options(self._config)
            tls = self._tls
            if tls is None and not self._config.insecure:
                tls = await asyncio.to_thread(credentials, self._config)
            if self._channel is None:  # nobody opened it while the certificate was read
                self._channel = (
                    grpc.aio.insecure_channel(self._config.endpoint, options=options)
                    if tls is None
                    else grpc.aio.secure_channel(self._config.endpoint, tls, options=options)
                )
        if self._pid != os.getpid():
            raise BridgeError(
                f"this AsyncClient for {self.target} was opened in process {self._pid} and cannot be used in its forked child "
                f"{os.getpid()}: grpc.aio does not survive fork. Make the client in the child, or use Client."
            )
        return self._channel
