"""Hands an S3 request on to the object server behind a Unix socket, unchanged: the client's signature covers the headers."""

from __future__ import annotations

import http.client
import socket
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ..web.server import Exchange

__all__ = ["METHODS", "Forwarder", "UnixConnection"]

METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE")
_CHUNK = 1 << 20
_TIMEOUT = 300.0
# About one connection, not about the message; the answer to Expect was given by our own server.
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "expect", "te", "upgrade", "transfer-encoding"})


class Forwarder:
    """Answers requests by asking the server behind a socket."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def wants(self, exchange: Exchange) -> bool:
        """Whether a request is signed as S3 does it, in its headers or in its query (presigned)."""
        return exchange.headers.get("Authorization", "").startswith("AWS4-") or "X-Amz-Signature=" in exchange.query

    def answer(self, exchange: Exchange) -> None:
        """Asks there, answers here. Bodies are streamed both ways."""
        connection = UnixConnection(self._path)
        try:
            try:
                response = _ask(connection, exchange)
            except (OSError, http.client.HTTPException) as error:
                exchange.refuse(502, f"the object server does not answer: {type(error).__name__}")
                return
            _pass_on(response, exchange)
        finally:
            connection.close()


def _ask(connection: http.client.HTTPConnection, exchange: Exchange) -> http.client.HTTPResponse:
    connection.putrequest(exchange.method, exchange.target, skip_host=True, skip_accept_encoding=True)
    for name, value in exchange.headers.items():
        if name.lower() not in _HOP_BY_HOP:
            connection.putheader(name, value)
    if "chunked" in exchange.headers.get("Transfer-Encoding", "").lower():
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders(_unchunked(exchange), encode_chunked=True)
    else:
        length = exchange.headers.get("Content-Length", "0")
        connection.endheaders(_read(exchange, int(length) if length.isdecimal() else 0))
    return connection.getresponse()


def _pass_on(response: http.client.HTTPResponse, exchange: Exchange) -> None:
    # Server and Date are said by our own server.
    skipped = _HOP_BY_HOP | {"server", "date"}
    headers = [(name, value) for name, value in response.getheaders() if name.lower() not in skipped]
    if response.getheader("Content-Length") is None and response.status not in (204, 304):
        exchange.hang_up()  # the end of the body is the end of the connection
    # rclone answers a part of an object with 200; clients that asked for one (obstore, of the flyte SDK) want S3's 206.
    is_part = response.status == HTTPStatus.OK and response.getheader("Content-Range") is not None
    exchange.head(HTTPStatus.PARTIAL_CONTENT if is_part else response.status, headers)
    while chunk := response.read(_CHUNK):
        exchange.output.write(chunk)


def _read(exchange: Exchange, length: int) -> Iterator[bytes]:
    while length > 0:
        chunk = exchange.input.read(min(length, _CHUNK))
        if not chunk:
            raise http.client.HTTPException("the upload ended early")
        length -= len(chunk)
        yield chunk


def _unchunked(exchange: Exchange) -> Iterator[bytes]:
    """The pieces of a chunked body; http.client frames them again."""
    while True:
        line = exchange.input.readline(1000).split(b";")[0].strip()
        try:
            length = int(line, 16)
        except ValueError:
            raise http.client.HTTPException("a broken chunked body") from None
        if length == 0:
            break
        yield from _read(exchange, length)
        exchange.input.readline(2 + 1)
    while exchange.input.readline(1000).strip():
        pass  # trailers


class UnixConnection(http.client.HTTPConnection):
    """HTTP to a server behind a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        """Opens the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_TIMEOUT)
        self.sock.connect(str(self._path))
