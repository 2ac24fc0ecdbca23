"""Connect without a loop: how `BlockingTransport` sends when Flyte is reached in HTTP/1.1. One connection per open stream."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING

from .connect import (
    ENOUGH,
    Body,
    Frames,
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
    from collections.abc import Iterator

    import httpcore

    from ..config import Config
    from .base import Metadata, Method, Req, Resp

__all__ = ["BlockingConnect"]


class BlockingConnect:
    """Opened on first use; a forked child opens its own."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._url = base_url(config.endpoint, insecure=config.insecure)
        self._lock = threading.Lock()
        self._pid = -1
        self._pool: httpcore.ConnectionPool | None = None
        self._proxy: str | None = None

    def unary(self, method: Method[Req, Resp], request: Req, *, timeout: float, metadata: Metadata) -> Resp:
        """One attempt of one call.

        Raises:
            Refused: It failed.
        """
        end = time.monotonic() + timeout
        headers = head(self._url, metadata, timeout, stream=False)
        with self._sent(method.path, method.encode(request), headers, timeout, end) as (response, about):
            body = Body(about, self._config.max_message_bytes)
            for chunk in response.iter_stream():
                body.feed(chunk)
                in_time(end)
            return method.decode(body.whole())

    def stream(self, method: Method[Req, Resp], request: Req, *, timeout: float, metadata: Metadata) -> Iterator[Resp]:
        """Messages as they come.

        Raises:
            Refused: It failed, or ended without saying so.
        """
        end = time.monotonic() + timeout
        headers = head(self._url, metadata, timeout, stream=True)
        frames = Frames(self._config.max_message_bytes)
        with self._sent(method.path, enveloped(method.encode(request)), headers, timeout, end) as (response, _):
            for chunk in response.iter_stream():
                for message in frames.feed(chunk):
                    yield method.decode(message)
                if frames.ended:
                    return
                in_time(end)
        frames.finish()

    def close(self) -> None:
        """Closes connections that this process opened."""
        pool, self._pool = self._pool, None
        if pool is not None and self._pid == os.getpid():
            pool.close()

    @contextlib.contextmanager
    def _sent(
        self, path: str, body: bytes, headers: dict[str, str], timeout: float, end: float
    ) -> Iterator[tuple[httpcore.Response, dict[str, str]]]:
        """The answer, whose body is still to be read, and its headers."""
        pool = self._open()
        try:
            with pool.stream(
                "POST", self._url + path, content=body, headers=list(headers.items()), extensions=patience(timeout)
            ) as response:
                about = told(response.headers)
                if not is_answer(response.status, about, stream=is_stream(headers)):
                    raise failure_of(response.status, about, _error(response, end))
                yield response, about
        except failures() as error:
            raise own_failure(error, self._proxy) from None
        finally:
            if self._pool is not pool:  # it was closed meanwhile, and has perhaps opened a connection since
                pool.close()

    def _open(self) -> httpcore.ConnectionPool:
        from ..http.pools import open_pool
        from ..http.proxies import proxy_of

        if self._pid != os.getpid():
            self._pid, self._lock, self._pool = os.getpid(), threading.Lock(), None
        with self._lock:
            if self._pool is None:
                self._proxy = proxy_of(self._url, self._config.auth.http_proxy_url)
                self._pool = open_pool(self._config, self._url, proxy=self._proxy)
            return self._pool


def _error(response: httpcore.Response, end: float) -> bytes:
    held = bytearray()
    for chunk in response.iter_stream():
        held += chunk
        if len(held) >= ENOUGH:
            break
        in_time(end)
    return bytes(held)
