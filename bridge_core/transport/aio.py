"""Calls on an event loop, in gRPC or over Connect: the transport of `AsyncClient`.

Bound to the loop and the process of its first call; a forked child is refused, because grpc.aio does not survive fork
(0 of 30 children did).
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import os
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..model.errors import BridgeError
from ..model.status import from_status
from .base import A, Metadata, Method, P, Req, Resp, T, check_speech, status_of
from .channel import opened_with, whom
from .connect import Refused

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    import grpc
    import grpc.aio

    from ..config import Config
    from .connect_aio import AioConnect

__all__ = ["AioTransport"]

_THREADS = 16
"""As many as transfers go at once; they are made as they are needed."""


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
        self._loop: asyncio.AbstractEventLoop | None = None
        self._channel: grpc.aio.Channel | None = None
        self._threads: tuple[int, ThreadPoolExecutor] | None = None  # and the process they are in
        self._connect: AioConnect | None = None
        if config.transport == "connect":
            self.speak("connect")

    @property
    def target(self) -> str:
        """Whom calls go to."""
        return self._config.endpoint

    @property
    def protocol(self) -> str:
        """What calls are sent in."""
        return "grpc" if self._connect is None else "connect"

    def speak(self, protocol: str) -> None:
        """Calls that begin from now on are sent so."""
        check_speech(protocol, credentials=self._tls is not None)
        if protocol == self.protocol:
            return
        if protocol == "connect":
            from .connect_aio import AioConnect

            self._connect = AioConnect(self._config, asyncio.to_thread, asyncio.timeout)
        else:
            self._connect = None

    def spoken(self, protocol: str) -> AioTransport:
        """Another one like this, that speaks so."""
        other = AioTransport(self._config, None if protocol == "connect" else self._tls)
        other.speak(protocol)
        return other

    async def release(self) -> None:
        """`aclose`, for those who know the protocol only."""
        await self.aclose()

    async def unary(self, method: Method[Req, Resp], request: Req, *, timeout: float, metadata: Metadata) -> Resp:
        """One attempt of one call."""
        if self._connect is not None:
            self._check_owner()
            try:
                return await self._connect.unary(method, request, timeout=timeout, metadata=metadata)
            except Refused as refused:
                raise self._failed(refused.code, refused.details, method, metadata) from None
        import grpc.aio  # over Connect nobody needs it, and it costs as much as all the rest

        channel = await self._open()
        stub: Any = channel.unary_unary(method.path, method.encode, method.decode)
        try:
            response: Resp = await stub(request, timeout=timeout, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            raise self._failed(*status_of(error), method, metadata) from None
        except asyncio.CancelledError:
            # grpc.aio ends the calls of a closed channel like this, in tasks that nobody cancelled.
            task = asyncio.current_task()
            if self._channel is channel or task is None or task.cancelling() > 0:
                raise
            raise self._failed("CANCELLED", "the channel was closed", method, metadata) from None
        except grpc.aio.UsageError:  # the channel was closed under a call that began before
            raise self._failed("CANCELLED", "the client was closed", method, metadata) from None
        except grpc.aio.BaseError as error:  # its text may show the metadata, and the token is there
            raise self._failed("INTERNAL", f"grpc.aio failed with {type(error).__name__}", method, metadata) from None
        return response

    async def stream(
        self, method: Method[Req, Resp], request: Req, *, timeout: float, metadata: Metadata
    ) -> AsyncIterator[Resp]:
        """One attempt of one server stream; leaving it early cancels it."""
        if self._connect is not None:
            self._check_owner()
            try:
                async for message in self._connect.stream(method, request, timeout=timeout, metadata=metadata):
                    yield message
            except Refused as refused:
                raise self._failed(refused.code, refused.details, method, metadata) from None
            return
        import grpc.aio

        channel = await self._open()
        begin: Any = channel.unary_stream(method.path, method.encode, method.decode)
        call = begin(request, timeout=timeout, metadata=metadata)
        try:
            async for message in call:
                yield message
        except grpc.aio.AioRpcError as error:
            raise self._failed(*status_of(error), method, metadata) from None
        except asyncio.CancelledError:  # as above
            task = asyncio.current_task()
            if self._channel is channel or task is None or task.cancelling() > 0:
                raise
            raise self._failed("CANCELLED", "the channel was closed", method, metadata) from None
        except (grpc.aio.UsageError, grpc.aio.BaseError):
            raise self._failed("CANCELLED", "the client was closed", method, metadata) from None
        finally:
            call.cancel()

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await asyncio.sleep(seconds)

    async def run_io(self, func: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs it in a thread, in the caller's context."""
        work = functools.partial(contextvars.copy_context().run, func, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._workers(), work)

    async def map_io(self, func: Callable[[A], T], items: Sequence[A]) -> list[T]:
        """Runs them in threads, at once."""
        return list(await asyncio.gather(*(self.run_io(func, item) for item in items)))

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

    @property
    def longest_call(self) -> float:
        """Seconds that one call may take at most."""
        return self._config.rpc_timeout

    async def aclose(self, grace: float | None = None) -> None:
        """Closes the channel, and lets the threads end when their work has. The transport may be used again.

        Args:
            grace: Seconds that calls under way may take to end.
        """
        threads, self._threads = self._threads, None
        if threads is not None and threads[0] == os.getpid():
            threads[1].shutdown(wait=False)
        if self._connect is not None and self._pid == os.getpid():
            await self._connect.aclose()
            if self._channel is None:
                self._loop = None  # the next loop may use it
        channel, self._channel = self._channel, None
        if channel is not None and self._pid == os.getpid() and self._loop is asyncio.get_running_loop():
            try:
                await channel.close(grace)
            finally:
                await channel.close(None)  # when the waiting was cancelled; else it is closed, and this does nothing

    def _workers(self) -> ThreadPoolExecutor:
        """Threads of this transport: the loop's own pool has six on two cores, and others wait in it, too."""
        if self._threads is None or self._threads[0] != os.getpid():  # a forked child has none of its parent's
            from concurrent.futures import ThreadPoolExecutor

            self._threads = os.getpid(), ThreadPoolExecutor(_THREADS, thread_name_prefix="flyte-bridge-io")
        return self._threads[1]

    def _failed(self, code: str, details: str, method: Method[Any, Any], metadata: Metadata) -> BridgeError:
        request_id = dict(metadata).get("x-request-id")
        return from_status(code, details, rpc=method.name, target=whom(self._config), request_id=request_id)

    async def _open(self) -> grpc.aio.Channel:
        if self._channel is None:
            self._pid, self._loop = os.getpid(), asyncio.get_running_loop()
            if self._tls is None and not self._config.insecure:  # files are read, and perhaps a certificate is fetched
                tls, options = await asyncio.to_thread(opened_with, self._config)
            else:
                tls, options = opened_with(self._config, self._tls)
            import grpc.aio

            if self._channel is None:  # nobody opened it while the certificate was read
                self._channel = (
                    grpc.aio.insecure_channel(self._config.endpoint, options=options)
                    if tls is None
                    else grpc.aio.secure_channel(self._config.endpoint, tls, options=options)
                )
        self._check_owner()
        return self._channel

    def _check_owner(self) -> None:
        if self._loop is None:
            self._pid, self._loop = os.getpid(), asyncio.get_running_loop()
        if self._pid != os.getpid():
            raise BridgeError(
                f"this AsyncClient for {self.target} was opened in process {self._pid} and cannot be used in its forked child "
                f"{os.getpid()}: grpc.aio does not survive fork. Make the client in the child, or use Client."
            )
        if self._loop is not asyncio.get_running_loop():
            raise BridgeError(
                f"this AsyncClient for {self.target} was opened on another event loop and cannot be used on this one: "
                "a connection belongs to its loop. Make one client per loop (AsyncClient.shared does), or use Client."
            )
