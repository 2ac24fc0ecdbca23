"""A raw server on loopback that ends connections at any byte: of what it is sent, or of what it answers."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

WHOLE = 1 << 60


def http(body: bytes, *headers: str, status: str = "200 OK", chunked: bool = False) -> bytes:
    """An answer as bytes: a length, or two chunks."""
    if chunked:
        half = len(body) // 2
        pieces = (body[:half], body[half:]) if half else (body,)
        body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        length = "Transfer-Encoding: chunked"
    else:
        length = f"Content-Length: {len(body)}"
    head = "\r\n".join((f"HTTP/1.1 {status}", *headers, length))
    return head.encode() + b"\r\n\r\n" + body


@dataclass
class CuttingServer:
    """Takes one request per connection, one connection after the other. Use as a context manager.

    Attributes:
        answer: Makes the whole answer to a whole request.
        after: Bytes of the next answers that are sent before the connection ends; then whole ones.
        within: Bytes of the next requests that are read before the connection ends; then whole ones.
        reset: End cut connections with a reset instead of an end.
        requests: The whole requests so far.
    """

    answer: Callable[[bytes], bytes]
    after: deque[int] = field(default_factory=deque)
    within: deque[int] = field(default_factory=deque)
    reset: bool = False
    requests: list[bytes] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(20)
                self._one(connection)

    def _one(self, connection: socket.socket) -> None:
        limit = self.within.popleft() if self.within else WHOLE
        request = _read(connection, limit)
        if len(request) >= limit:
            self._end(connection)
            return
        self.requests.append(request)
        answer = self.answer(request)
        cut = self.after.popleft() if self.after else WHOLE
        connection.sendall(answer[:cut])
        if cut < len(answer):
            self._end(connection)
            return
        connection.shutdown(socket.SHUT_WR)

    def _end(self, connection: socket.socket) -> None:
        if self.reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            connection.shutdown(socket.SHUT_WR)


def _read(connection: socket.socket, limit: int) -> bytes:
    """One request: a head, and as much of a body as it announces."""
    got = b""
    while len(got) < limit:
        head, end, body = got.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if end and len(body) >= (int(length[1]) if length else 0):
            break
        piece = connection.recv(min(1 << 16, limit - len(got)))
        if not piece:
            raise ConnectionError("the client went away")
        got += piece
    return got
