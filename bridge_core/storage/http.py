"""HTTP to object stores: connections that are used again, sent from several threads at once.

The standard library's client is enough here (one request per object, known length, no redirects wanted), and it keeps an
HTTP stack out of the scheduler.
"""

from __future__ import annotations

import http.client
import threading
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Self

from ..model.errors import ConfigError, InvalidRequest
from .streams import CHUNK

if TYPE_CHECKING:
    import ssl
    from types import TracebackType

__all__ = ["Answer", "HttpPool", "Request"]

_TIMEOUT = 60.0  # seconds a socket may be silent
_SHOWN = 1 << 16
_STALE = (ConnectionError, http.client.RemoteDisconnected, http.client.CannotSendRequest)


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
    into: IO[bytes] | None = None
    """Where the body of a good answer goes. A 206 is good only for a request with ``Range``."""
    begin: Callable[[Mapping[str, str]], None] | None = None
    """Called with the headers of a good answer, before its body is read."""
    progress: Callable[[int, int | None], None] | None = None
    """Called with the bytes that `into` holds, and how many it will hold, after each chunk received."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and, unless it was written to a file, the beginning of the body."""

    status: int
    body: bytes


class HttpPool:
    """Connections of one batch of transfers; leaving the context closes them.

    Proxies are those of the environment (``HTTPS_PROXY``, ``NO_PROXY``), as everywhere.

    Args:
        ca_cert_file: Certificates to trust besides the system's.
    """

    def __init__(self, ca_cert_file: str | None = None) -> None:
        self._ca_cert_file = ca_cert_file
        self._lock = threading.Lock()
        self._idle: dict[str, list[http.client.HTTPConnection]] = {}
        self._context: ssl.SSLContext | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            idle, self._idle = self._idle, {}
        for connections in idle.values():
            for connection in connections:
                connection.close()

    def send(self, request: Request) -> Answer:
        """One request; a connection that the server has closed meanwhile is replaced without a word.

        Raises:
            OSError, http.client.HTTPException: The network failed.
            InvalidRequest: The stream has another length than was said, or `into` cannot be written.
        """
        parts = urllib.parse.urlsplit(request.url)
        with self._lock:
            waiting = self._idle.get(_origin(parts))
            connection = waiting.pop() if waiting else None
        if connection is not None:
            try:
                return self._exchange(connection, parts, request)
            except _STALE:
                connection.close()
        return self._exchange(self._connect(parts), parts, request)

    def _exchange(
        self, connection: http.client.HTTPConnection, parts: urllib.parse.SplitResult, request: Request
    ) -> Answer:
        keep = False
        try:
            path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
            whole = getattr(connection, "via_proxy", False)
            connection.putrequest(request.verb, _origin(parts) + path if whole else path, skip_accept_encoding=True)
            for name, value in request.headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            cut = self._pour(connection, request)
            answer = connection.getresponse()
            partial = answer.status == http.client.PARTIAL_CONTENT and "Range" in request.headers
            read = b""
            if request.into is None or not (answer.status == http.client.OK or partial):
                read = answer.read(_SHOWN)
            else:
                if request.begin is not None:
                    request.begin(dict(answer.headers))
                _receive(answer, request.into, request, resumed=partial)
            keep = not cut and answer.isclosed() and not answer.will_close
            return Answer(answer.status, read)
        finally:
            if keep:
                with self._lock:
                    self._idle.setdefault(_origin(parts), []).append(connection)
            else:
                connection.close()

    @staticmethod
    def _pour(connection: http.client.HTTPConnection, request: Request) -> bool:
        """Sends the body. True when the server stopped listening: it may have said why, so the answer is read all the same."""
        if request.body is None:
            return False
        left = request.size
        with request.body() as stream:
            while left > 0:
                chunk = stream.read(min(CHUNK, left))
                if not chunk:
                    raise InvalidRequest("it became shorter while it was being uploaded")
                left -= len(chunk)
                try:
                    connection.send(chunk)
                except (BrokenPipeError, ConnectionResetError):
                    return True
            if stream.read(1):
                raise InvalidRequest("it became longer while it was being uploaded")
        return False

    def _connect(self, parts: urllib.parse.SplitResult) -> http.client.HTTPConnection:
        host = parts.hostname or ""
        proxies = {} if urllib.request.proxy_bypass(host) else urllib.request.getproxies()
        proxy = urllib.parse.urlsplit(proxies.get(parts.scheme, ""))
        if parts.scheme == "https":
            if not proxy.hostname:
                return http.client.HTTPSConnection(parts.netloc, timeout=_TIMEOUT, context=self._tls())
            tunnel = http.client.HTTPSConnection(proxy.hostname, proxy.port, timeout=_TIMEOUT, context=self._tls())
            tunnel.set_tunnel(host, parts.port or 443, headers=_proxy_headers(proxy))
            return tunnel
        if not proxy.hostname:
            return http.client.HTTPConnection(parts.netloc, timeout=_TIMEOUT)
        plain = http.client.HTTPConnection(proxy.hostname, proxy.port, timeout=_TIMEOUT)
        plain.via_proxy = True  # type: ignore[attr-defined]
        return plain

    def _tls(self) -> ssl.SSLContext:
        import ssl

        with self._lock:
            if self._context is None:
                self._context = ssl.create_default_context()
                if self._ca_cert_file:
                    try:
                        self._context.load_verify_locations(self._ca_cert_file)
                    except OSError as error:
                        raise ConfigError(
                            f"ca_cert_file {self._ca_cert_file} cannot be read: {error.strerror or 'not a PEM certificate'}"
                        ) from None
            return self._context


def _origin(parts: urllib.parse.SplitResult) -> str:
    return f"{parts.scheme}://{parts.netloc}"


def _receive(answer: http.client.HTTPResponse, into: IO[bytes], request: Request, *, resumed: bool) -> None:
    if not resumed:
        into.seek(0)
        into.truncate()
    announced = answer.length
    received = 0
    while chunk := answer.read(CHUNK):
        try:
            into.write(chunk)
        except OSError as error:
            raise InvalidRequest(
                f"cannot be written after {received} bytes: {error.strerror or error}; what was written of it was removed"
            ) from None
        received += len(chunk)
        if request.progress is not None:
            request.progress(into.tell(), None if announced is None else into.tell() - received + announced)
    if announced is not None and received < announced:
        raise http.client.IncompleteRead(b"", announced - received)


def _proxy_headers(proxy: urllib.parse.SplitResult) -> dict[str, str]:
    if not proxy.username:
        return {}
    import base64

    login = f"{urllib.parse.unquote(proxy.username)}:{urllib.parse.unquote(proxy.password or '')}"
    return {"Proxy-Authorization": "Basic " + base64.b64encode(login.encode()).decode()}
