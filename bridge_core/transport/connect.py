"""The Connect protocol on the wire, without I/O: headers, frames, errors. `connect_blocking.py` and `connect_aio.py` send.

Flyte 2 serves gRPC and Connect on one port, but its stock ingresses speak HTTP/1.1 to it, where gRPC has no trailers and Connect
works (https://connectrpc.com/docs/protocol). What decided for httpx below it, and against the client of ``connectrpc``: httpx is
a dependency already, with this library's TLS, client certificates, proxies and masking around it (`http/clients.py`);
connectrpc's client brings a second HTTP stack (pyqwest, written in Rust) that takes none of these, and stubs that import it.
The protocol itself is this file.

An end of a stream that says OK says nothing by itself: Flyte 2's handlers return without an error when the caller's deadline
passes, and when an attempt ended before its run did.
"""

from __future__ import annotations

import base64
import json
import struct
from typing import TYPE_CHECKING

from ..model.status import ANSWERED_IN_HTTP

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .base import Metadata

__all__ = [
    "Frames", "Refused", "base_url", "enveloped", "failure_of", "head", "is_answer", "is_stream", "own_failure",
    "too_large",
]  # fmt: skip

_UNARY, _STREAM = "application/proto", "application/connect+proto"
_FLAG_COMPRESSED, _FLAG_END = 0x01, 0x02
_PREFIX = struct.Struct(">BI")
_NOT_SENT = frozenset({"accept", "content-type", "content-length", "host", "te", "connection", "transfer-encoding"})
"""gRPC's own, and what HTTP itself decides."""

_CODES = {"canceled": "CANCELLED"}
"""Connect's one spelling that is not gRPC's in lower case."""

_BY_STATUS = {
    400: "INTERNAL",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "UNIMPLEMENTED",
    429: "UNAVAILABLE",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "UNAVAILABLE",
}
"""What an answer without a Connect error means (connectrpc.com/docs/protocol, HTTP to error code)."""

_OK = 200
_SHOWN = 200


class Refused(Exception):
    """A call came to nothing.

    Args:
        code: gRPC status name.
        details: The server's words, or ours.
    """

    def __init__(self, code: str, details: str) -> None:
        super().__init__(code, details)
        self.code = code
        self.details = details


def base_url(endpoint: str, *, insecure: bool) -> str:
    """Where paths of methods are appended."""
    return f"{'http' if insecure else 'https'}://{endpoint}"


def head(metadata: Metadata, timeout: float | None, *, stream: bool) -> dict[str, str]:
    """Headers of a request. Metadata whose key ends in ``-bin`` goes as base64, as gRPC sends it."""
    headers = {
        key: base64.b64encode(value.encode()).decode().rstrip("=") if key.endswith("-bin") else value
        for key, value in metadata
        if key.lower() not in _NOT_SENT
    }
    headers |= {
        "content-type": _STREAM if stream else _UNARY,
        "connect-protocol-version": "1",
        "user-agent": "flyte-bridge",
    }
    # A compressed stream would hold frames back until a block is full; and zstd and brotli, which httpx asks for where they are
    # installed, take tens of megabytes to read an answer of some kilobytes.
    headers["accept-encoding"] = "identity" if stream else "gzip"
    if timeout is not None:
        headers["connect-timeout-ms"] = str(max(1, int(timeout * 1000)))
    return headers


def enveloped(message: bytes) -> bytes:
    """The one request of a server stream."""
    return _PREFIX.pack(0, len(message)) + message


def is_stream(headers: Mapping[str, str]) -> bool:
    """Whether a request asks for frames."""
    return headers["content-type"] == _STREAM


def is_answer(status: int, headers: Mapping[str, str], *, stream: bool) -> bool:
    """Whether a body is what was asked for."""
    return status == _OK and _kind(headers) == (_STREAM if stream else _UNARY)


def failure_of(status: int, headers: Mapping[str, str], body: bytes) -> Refused:
    """What an answer says that `is_answer` did not take."""
    if status == _OK:
        return Refused("UNAVAILABLE", f"{ANSWERED_IN_HTTP}: 200 and {_kind(headers) or 'no content type'}")
    error = _error(body)
    if error is not None:
        return error
    text = body[:_SHOWN].decode(errors="replace").strip()
    return Refused(_BY_STATUS.get(status, "UNKNOWN"), f"{ANSWERED_IN_HTTP}: {status} {text}".rstrip())


def own_failure(error: Exception, proxy: str | None) -> Refused:
    """What httpx raised, as a status. Never with its own text, which may show a URL or a header."""
    import httpx

    from ..http.failures import reason_of

    if isinstance(error, (httpx.ReadTimeout, httpx.WriteTimeout, httpx.PoolTimeout)):
        return Refused("DEADLINE_EXCEEDED", reason_of(error, proxy))
    if isinstance(error, httpx.TransportError):
        return Refused("UNAVAILABLE", reason_of(error, proxy))
    if isinstance(error, (httpx.DecodingError, httpx.InvalidURL)):
        return Refused("INTERNAL", f"what came is no answer ({type(error).__name__})")
    return Refused("CANCELLED", "the client was closed")  # RuntimeError of a closed client


class Frames:
    """Cuts the bytes of a stream into messages.

    Args:
        limit: Bytes that one message may have.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = bytearray()
        self.ended = False
        """Whether the server said that this is the end, and that it is no failure."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Messages that are whole now.

        Raises:
            Refused: The stream ended with an error, or is none.
        """
        self._held += chunk
        while len(self._held) >= _PREFIX.size:
            flags, length = _PREFIX.unpack_from(self._held)
            if length > self._limit:
                raise too_large(length, self._limit)
            if len(self._held) < _PREFIX.size + length:
                return
            message = bytes(self._held[_PREFIX.size : _PREFIX.size + length])
            del self._held[: _PREFIX.size + length]
            if flags & _FLAG_COMPRESSED:
                raise Refused("INTERNAL", "the server compressed a message, which it was not asked to do")
            if flags & _FLAG_END:
                error = _error(message, inside="error")
                if error is not None:
                    raise error
                self.ended = True
                return
            yield message

    def finish(self) -> None:
        """The connection ended.

        Raises:
            Refused: Before the stream did.
        """
        if not self.ended:
            raise Refused("UNAVAILABLE", "the connection ended before the stream did")


def too_large(length: int, limit: int) -> Refused:
    """An answer that is larger than `Config.max_message_bytes`."""
    return Refused("RESOURCE_EXHAUSTED", f"the answer has {length} bytes, and max_message_bytes is {limit}")


def _kind(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _error(body: bytes, inside: str | None = None) -> Refused | None:
    """The Connect error in a JSON text; None when there is none."""
    try:
        told = json.loads(body or b"{}")
    except ValueError:
        return None
    if inside is not None and isinstance(told, dict):
        told = told.get(inside)
    code = told.get("code") if isinstance(told, dict) else None
    if not isinstance(code, str) or not code:
        return None
    return Refused(_CODES.get(code, code.upper()), str(told.get("message") or ""))
