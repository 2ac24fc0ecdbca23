"""Requests to object stores: through httpx, on connections that are used again, from several threads at once.

What an answer must be before anything of it counts: whole. httpx takes no head without its end and no body shorter than
announced; what announces no length and no chunks (it ends where the connection ends, so nobody can tell the end from a cut) is
refused here, and so is a part that does not go on where we stopped.
"""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Self

from ..config import Config
from ..model.errors import InvalidRequest, Unavailable
from ..model.masking import shown
from .streams import CHUNK

if TYPE_CHECKING:
    from types import TracebackType

    import httpx

__all__ = ["OK", "Answer", "HttpPool", "Request"]

_TIMEOUT = 60.0  # seconds a socket may be silent
_SHOWN = 1 << 16
OK, _PARTIAL = 200, 206
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request."""

    verb: str
    """``PUT`` or ``GET``."""
    url: str
    headers: Mapping[str, str]
    """All of them but Host."""
    body: Callable[[], AbstractContextManager[Any]] | None = None
    """Called for a new stream of exactly `size` bytes, when there is one to send."""
    size: int = 0
    """Bytes of the body."""
    into: Download | None = None
    """Where the body of a good answer goes."""


class Download:
    """A file that is being fetched, over one or several answers.

    Args:
        file: Holds what has come so far.
        progress: Called with the bytes it holds, and how many it will hold, after each piece.
    """

    def __init__(self, file: IO[bytes], progress: Callable[[int, int | None], None]) -> None:
        self._file = file
        self._progress = progress
        self._tag = ""
        self._total: int | None = None

    @property
    def resuming(self) -> dict[str, str]:
        """Headers that ask for the rest, if the store promised that it is still the same object (a strong ``ETag``)."""
        done = self._file.seek(0, 2)
        return {"Range": f"bytes={done}-", "If-Range": self._tag} if done and self._tag else {}

    def begin(self, status: int, headers: Mapping[str, str], asked: Mapping[str, str]) -> int | None:
        """Looks at the head of a good answer, and makes the file ready for its body.

        Returns:
            Bytes that the body must have; None when its end is marked otherwise.

        Raises:
            Unavailable: It is not what was asked for. The next request asks for all of it.
        """
        chunked = "chunked" in headers.get("transfer-encoding", "").lower()
        length = int(headers["content-length"]) if "content-length" in headers and not chunked else None
        if length is None and not chunked:
            raise Unavailable("the answer says neither how long it is nor where it ends, so a cut could not be seen")
        tag = headers.get("etag", "")
        if status == _PARTIAL:
            start, expected, tag_before = self._file.seek(0, 2), self._total, self._tag
            self._tag = ""  # until this part is known to fit
            found = _RANGE.fullmatch(headers.get("content-range", ""))
            first, last, total = (int(number) for number in found.groups()) if found else (-1, -1, -1)
            fits = (
                first == start and last + 1 == total and length in (None, total - start) and expected in (None, total)
            )
            if not asked or not fits or tag != tag_before:
                raise Unavailable(
                    f"asked for the bytes from {start} on, the store sent {headers.get('content-range') or 'an unnamed part'}"
                )
            self._tag = tag_before
            return total - start
        self._file.seek(0)
        self._file.truncate()
        self._tag = tag if not tag.startswith("W/") else ""
        self._total = length
        return length

    def take(self, pieces: Iterator[bytes], announced: int | None) -> None:
        """Writes the body."""
        received = 0
        start = self._file.tell()
        for piece in pieces:
            try:
                self._file.write(piece)
            except OSError as error:
                raise InvalidRequest(
                    f"cannot be written after {start + received} bytes: {error.strerror or error}; what was written of it was "
                    "removed"
                ) from None
            received += len(piece)
            self._progress(start + received, None if announced is None else start + announced)
        if announced is not None and received != announced:  # httpx has looked already
            raise Unavailable(f"{received} of {announced} bytes came")


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and, unless it was written to a file, the beginning of the body."""

    status: int
    body: bytes


class HttpPool:
    """Connections of one batch of transfers; leaving the context closes them.

    Proxies are those of the environment (``HTTPS_PROXY``, ``NO_PROXY``), as everywhere.

    Args:
        config: TLS settings, and `Config.retry`.
    """

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or Config()
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str | None], httpx.Client] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            clients, self._clients = self._clients, {}
        for client in clients.values():
            client.close()

    def send(self, request: Request) -> Answer:
        """One request; a connection that the store has closed meanwhile is replaced without a word.

        Raises:
            Unavailable: The network failed, or the answer is not whole.
            InvalidRequest: The URL cannot be used, the stream has another length than was said, or `into` cannot be written.
        """
        import httpx

        from ..http.failures import reason_of
        from ..http.proxies import proxy_of
        from ..http.requests import request_of

        proxy = proxy_of(request.url)
        while True:
            asked = request.into.resuming if request.into is not None else {}
            pouring = _Pouring(request) if request.body is not None else None
            sent = request_of(request.verb, request.url, {**request.headers, **asked}, pouring)
            connected: list[str] = []
            sent.extensions["trace"] = functools.partial(_noted, connected)
            answer = None
            try:
                answer = self._client(request.url, proxy).send(sent, stream=True)
                try:
                    result = self._read(answer, request, asked)
                finally:
                    answer.close()
            except httpx.TransportError as error:
                broke = isinstance(error, (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError))
                if broke and answer is None and not any(event.endswith("connect_tcp.started") for event in connected):
                    continue  # an old connection, which the store had closed: it says nothing about this request
                raise Unavailable(shown(reason_of(error, proxy))) from None
            break
        if pouring is not None and not pouring.done and result.status < httpx.codes.MULTIPLE_CHOICES:
            raise Unavailable(f"the store answered {result.status} before it had the whole body")
        return result

    def _read(self, answer: httpx.Response, request: Request, asked: Mapping[str, str]) -> Answer:
        if request.into is not None and answer.status_code in (OK, _PARTIAL):
            announced = request.into.begin(answer.status_code, answer.headers, asked)
            request.into.take(answer.iter_raw(), announced)
            return Answer(answer.status_code, b"")
        body = bytearray()
        for piece in answer.iter_raw():
            body += piece
            if len(body) >= _SHOWN:
                break
        return Answer(answer.status_code, bytes(body[:_SHOWN]))

    def _client(self, url: str, proxy: str | None) -> httpx.Client:
        from ..http.clients import open_client

        key = url.partition(":")[0].lower(), proxy
        with self._lock:
            if key not in self._clients:
                self._clients[key] = open_client(self.config, url, proxy=proxy, timeout=_TIMEOUT)
            return self._clients[key]


class _Pouring:
    """The body of an upload, read as it is sent."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.done = False

    def __iter__(self) -> Iterator[bytes]:
        assert self._request.body is not None
        left = self._request.size
        with self._request.body() as stream:
            while True:
                chunk = stream.read(min(CHUNK, left)) if left else b""
                if left and not chunk:
                    raise InvalidRequest("it became shorter while it was being uploaded")
                left -= len(chunk)
                if not left and stream.read(1):  # before the last piece is sent: else the store has a whole object
                    raise InvalidRequest("it became longer while it was being uploaded")
                if chunk:
                    yield chunk
                if not left:
                    break
        self.done = True


def _noted(events: list[str], event: str, _: Mapping[str, Any]) -> None:
    """Httpx's ``trace`` extension."""
    events.append(event)
