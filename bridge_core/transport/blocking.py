"""Calls without a loop, in gRPC or over Connect: ``async def`` bodies that never suspend (see ``_blocking.py``).

Fork-safe: the channel is opened on first use and remembered with the pid that opened it; a forked child opens its own and
leaves the parent's alone. Thread-safe: a gRPC channel is.
"""

from __future__ import annotations

import contextvars
import os
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import grpc

from .._blocking import run_blocking
from ..model.errors import BridgeError
from ..model.status import from_status
from .base import A, Metadata, Method, P, Req, Resp, T, check_speech, status_of
from .channel import opened_with, whom
from .connect import Refused

if TYPE_CHECKING:
    from ..config import Config
    from .connect_blocking import BlockingConnect

__all__ = ["BlockingTransport"]

_PARALLEL_IO = 8


class BlockingTransport:
    """The transport of `Client`.

    Args:
        config: Whom to talk to.
        tls: ``grpc.ChannelCredentials`` to use instead of those that the configuration describes.
    """

    def __init__(self, config: Config, tls: grpc.ChannelCredentials | None = None) -> None:
        self._config = config
        self._tls = tls
        self._pid = -1
        self._lock = threading.Lock()
        self._channel: grpc.Channel | None = None
        self._stubs: dict[Method[Any, Any], Any] = {}
        self._connect: BlockingConnect | None = None
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
            from .connect_blocking import BlockingConnect

            self._connect = BlockingConnect(self._config)
        else:
            self._connect = None

    def spoken(self, protocol: str) -> BlockingTransport:
        """Another one like this, that speaks so."""
        other = BlockingTransport(self._config, None if protocol == "connect" else self._tls)
        other.speak(protocol)
        return other

    async def release(self) -> None:
        """`close`, for those who know the protocol only."""
        self.close()

    async def unary(self, method: Method[Req, Resp], request: Req, *, timeout: float, metadata: Metadata) -> Resp:
        """One attempt of one call."""
        if self._connect is not None:
            try:
                return self._connect.unary(method, request, timeout=timeout, metadata=metadata)
            except Refused as refused:
                raise self._failed(refused.code, refused.details, method, metadata) from None
        channel, stubs = self._open()
        try:
            stub = stubs.get(method)
            if stub is None:
                stub = stubs.setdefault(method, channel.unary_unary(method.path, method.encode, method.decode))
            response: Resp = stub(request, timeout=timeout, metadata=metadata)
        except grpc.RpcError as error:
            raise self._failed(*status_of(error), method, metadata) from None
        # The text of these may show the metadata, and the token is there. TypeError: grpc 1.66 cannot word its own ValueError.
        except (ValueError, TypeError) as error:
            if self._channel is not channel or "closed channel" in str(error):
                raise self._failed("CANCELLED", "the client was closed", method, metadata) from None
            raise self._failed("INTERNAL", "grpc could not begin the call", method, metadata) from None
        if response is None:  # grpc 1.66, when the channel is closed under a call
            raise self._failed("CANCELLED", "the client was closed", method, metadata)
        return response

    async def stream(
        self, method: Method[Req, Resp], request: Req, *, timeout: float, metadata: Metadata
    ) -> AsyncIterator[Resp]:
        """One attempt of one server stream; leaving it early cancels it."""
        if self._connect is not None:
            try:
                for message in self._connect.stream(method, request, timeout=timeout, metadata=metadata):
                    yield message
            except Refused as refused:
                raise self._failed(refused.code, refused.details, method, metadata) from None
            return
        channel, _ = self._open()
        call: Any = None
        try:
            call = channel.unary_stream(method.path, method.encode, method.decode)(
                request, timeout=timeout, metadata=metadata
            )
            for message in call:
                yield message
        except grpc.RpcError as error:
            raise self._failed(*status_of(error), method, metadata) from None
        except (ValueError, TypeError):  # as above
            raise self._failed("CANCELLED", "the client was closed", method, metadata) from None
        finally:
            if call is not None:
                call.cancel()

    def _failed(self, code: str, details: str, method: Method[Any, Any], metadata: Metadata) -> BridgeError:
        request_id = dict(metadata).get("x-request-id")
        return from_status(code, details, rpc=method.name, target=whom(self._config), request_id=request_id)

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        time.sleep(seconds)

    async def run_io(self, func: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs it here."""
        return func(*args, **kwargs)

    async def map_io(self, func: Callable[[A], T], items: Sequence[A]) -> list[T]:
        """Runs it in a few threads that end before this returns, so nothing outlives a fork."""
        if len(items) <= 1:
            return [func(item) for item in items]
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(min(_PARALLEL_IO, len(items))) as pool:
            return list(pool.map(func, items))

    async def map_calls(self, func: Callable[[A], Awaitable[T]], items: Sequence[A], *, limit: int) -> list[T]:
        """Steps the coroutines in threads that end before this returns: a gRPC channel may be used from many."""

        async def awaited(item: A) -> T:
            return await func(item)

        def step(item: A) -> T:
            return run_blocking(awaited(item))

        if len(items) <= 1 or limit <= 1:
            return [await func(item) for item in items]
        from concurrent.futures import ThreadPoolExecutor, wait

        with ThreadPoolExecutor(min(limit, len(items))) as pool:
            # In the caller's context, where `auth_metadata` keeps what is passed on.
            futures = [pool.submit(contextvars.copy_context().run, step, item) for item in items]
            try:
                wait(futures, return_when="FIRST_EXCEPTION")
            finally:  # after an error, and after Ctrl-C: what has not begun does not begin
                for future in futures:
                    future.cancel()
            wait(futures)
            for future in futures:
                if not future.cancelled() and (error := future.exception()) is not None:
                    raise error
            return [future.result() for future in futures]

    def now(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    def chance(self) -> float:
        """A random number from 0 to 1."""
        import random

        return random.random()  # noqa: S311  # jitter

    def close(self) -> None:
        """Closes the channel if this process opened it. The transport may be used again."""
        if self._connect is not None:
            self._connect.close()
        channel, self._channel = self._channel, None
        if channel is not None and self._pid == os.getpid():
            channel.close()

    def _open(self) -> tuple[grpc.Channel, dict[Method[Any, Any], Any]]:
        if self._pid != os.getpid():  # first use, or a fork: the parent's channel and lock are not ours
            self._pid, self._lock, self._channel = os.getpid(), threading.Lock(), None
        with self._lock:
            if self._channel is None:
                self._stubs = {}
                tls, options = opened_with(self._config, self._tls)
                if tls is None:
                    self._channel = grpc.insecure_channel(self._config.endpoint, options=options)
                else:
                    self._channel = grpc.secure_channel(self._config.endpoint, tls, options=options)
            return self._channel, self._stubs
