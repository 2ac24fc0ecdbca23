"""Connect without a loop: how `BlockingTransport` sends when Flyte is reached in HTTP/1.1. One connection per open stream."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING

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
    from collections.abc import Iterator

    import httpx

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
        self._client: httpx.Client | None = None
        self._proxy: str | None = None

    def unary(self, method: Method[Req, Resp], request: Req, *, timeout: float, metadata: Metadata) -> Resp:
        """One attempt of one call.

        Raises:
            Refused: It failed.
        """
        end = time.monotonic() + timeout
        headers = head(metadata, timeout, stream=False)
        with self._sent(method.path, method.encode(request), headers, timeout) as response:
            return method.decode(_body(response, end, self._config.max_message_bytes))

    def stream(self, method: Method[Req, Resp], request: Req, *, timeout: float, metadata: Metadata) -> Iterator[Resp]:
        """Messages as they come.

        Raises:
            Refused: It failed, or ended without saying so.
        """
        end = time.monotonic() + timeout
        headers = head(metadata, timeout, stream=True)
        frames = Frames(self._config.max_message_bytes)
        with self._sent(method.path, enveloped(method.encode(request)), headers, timeout) as response:
            for chunk in response.iter_raw():
                for message in frames.feed(chunk):
                    yield method.decode(message)
                if frames.ended:
                    return
                _in_time(end)
        frames.finish()

    def close(self) -> None:
        """Closes connections that this process opened."""
        client, self._client = self._client, None
        if client is not None and self._pid == os.getpid():
            client.close()

    @contextlib.contextmanager
    def _sent(self, path: str, body: bytes, headers: dict[str, str], timeout: float) -> Iterator[httpx.Response]:
        """The answer, whose body is still to be read."""
        load_httpx()
        import httpx

        stream, client = is_stream(headers), self._open()
        try:
            with client.stream("POST", self._url + path, content=body, headers=headers, timeout=timeout) as response:
                if not is_answer(response.status_code, response.headers, stream=stream):
                    raise failure_of(response.status_code, response.headers, response.read())
                yield response
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise own_failure(error, self._proxy) from None
        except RuntimeError as error:
            if self._client is client:
                raise
            raise own_failure(error, self._proxy) from None

    def _open(self) -> httpx.Client:
        from ..http.clients import open_client, proxy_of

        if self._pid != os.getpid():
            self._pid, self._lock, self._client = os.getpid(), threading.Lock(), None
        with self._lock:
            if self._client is None:
                self._proxy = proxy_of(self._url, self._config.auth.http_proxy_url)
                self._client = open_client(
                    self._config, self._url, proxy=self._proxy, timeout=self._config.rpc_timeout, for_flyte=True
                )
            return self._client


def _body(response: httpx.Response, end: float, limit: int) -> bytes:
    held = bytearray()
    for chunk in response.iter_bytes():
        held += chunk
        if len(held) > limit:
            raise too_large(int(response.headers.get("content-length", len(held))), limit)
        _in_time(end)
    return bytes(held)


def _in_time(end: float) -> None:
    """A read may take as long as the whole call: an answer that trickles must not take for ever."""
    if time.monotonic() > end:
        raise Refused("DEADLINE_EXCEEDED", "the answer was not whole in time")
