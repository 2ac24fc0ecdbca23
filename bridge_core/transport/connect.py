"""The Connect protocol on the wire, without I/O: headers, frames, errors. `connect_blocking.py` and `connect_aio.py` send.

Flyte 2 serves gRPC and Connect on one port, but its stock ingresses speak HTTP/1.1 to it, where gRPC has no trailers and Connect
works (https://connectrpc.com/docs/protocol). What decided for httpcore below it, and against the client of ``connectrpc``: it
came with httpx already, and takes this library's TLS, client certificates and proxies (`http/pools.py`); connectrpc's client
brings a second HTTP stack (pyqwest, written in Rust) that takes none of these, and stubs that import it. The protocol itself is
this file.

An end of a stream that says OK says nothing by itself: Flyte 2's handlers return without an error when the caller's deadline
passes, and when an attempt ended before its run did.
"""

from __future__ import annotations

import base64
import json
import struct
import time
import zlib
from typing import TYPE_CHECKING, Any

from ..model.errors import ConfigError
from ..model.status import ANSWERED_IN_HTTP

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from .base import Metadata

__all__ = [
    "ENOUGH", "Body", "Frames", "Refused", "base_url", "enveloped", "failure_of", "failures", "head", "in_time",
    "is_answer", "is_stream",
    "own_failure", "patience", "told",
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
_LABEL = 63  # characters between two dots of a name
ENOUGH = 1 << 20
"""Bytes of an answer that is an error: more are not read."""
_READABLE = ("", "identity", "gzip")
_GZIP = 16 + zlib.MAX_WBITS


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
    """Where paths of methods are appended. A name that is not ASCII goes as the DNS wants it."""
    host, colon, port = endpoint.rpartition(":") if endpoint.rpartition(":")[2].isdigit() else (endpoint, "", "")
    try:
        place = _dns_name(host) + colon + port
    except ValueError:
        raise ConfigError(f"endpoint {endpoint!r}: no such name can be in the DNS") from None
    return f"{'http' if insecure else 'https'}://{'localhost' if place.startswith(':') else ''}{place}"


def head(url: str, metadata: Metadata, timeout: float | None, *, stream: bool) -> dict[str, str]:
    """Headers of a request. Metadata whose key ends in ``-bin`` goes as base64, as gRPC sends it.

    Args:
        url: `base_url`.
        metadata: What the call carries.
        timeout: Seconds that the server may take.
        stream: Whether frames are asked for.
    """
    scheme, _, place = url.partition("://")
    headers = {
        key: _base64(value) if key.endswith("-bin") else value
        for key, value in metadata
        if key.lower() not in _NOT_SENT
    }
    headers |= {
        # httpcore would leave out the brackets of an IPv6 address
        "host": place.removesuffix(":443" if scheme == "https" else ":80"),
        "content-type": _STREAM if stream else _UNARY,
        "connect-protocol-version": "1",
        "user-agent": "flyte-bridge",
    }
    # A compressed stream would hold frames back until a block is full; and zstd and brotli take packages of their own, and tens
    # of megabytes to read an answer of some kilobytes.
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
    """What an answer says that `is_answer` did not take.

    Args:
        status: Of HTTP.
        headers: Its headers.
        body: As it came, `ENOUGH` of it.
    """
    if headers.get("content-encoding", "").strip().lower() == "gzip":
        try:
            body = zlib.decompressobj(_GZIP).decompress(body, ENOUGH)
        except zlib.error:
            body = b""
    if status == _OK:
        return Refused("UNAVAILABLE", f"{ANSWERED_IN_HTTP}: 200 and {_kind(headers) or 'no content type'}")
    error = _error(body)
    if error is not None:
        return error
    text = body[:_SHOWN].decode(errors="replace").strip()
    return Refused(_BY_STATUS.get(status, "UNKNOWN"), f"{ANSWERED_IN_HTTP}: {status} {text}".rstrip())


def patience(timeout: float) -> dict[str, Any]:
    """A setting of httpcore: seconds that connecting, and each single read or write, may take."""
    return {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), timeout)}


def told(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers of an answer, as texts."""
    return {key.decode("ascii", "replace").lower(): value.decode("latin-1") for key, value in headers}


def failures() -> tuple[type[Exception], ...]:
    """What httpcore raises for a call that came to nothing."""
    import ssl

    import httpcore

    return (
        ssl.SSLError,  # from anyio, when the server tells after the handshake that it wants a certificate
        httpcore.TimeoutException,
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.ProxyError,
        httpcore.UnsupportedProtocol,
    )


def own_failure(error: Exception, proxy: str | None) -> Refused:
    """What httpcore raised, as a status. Never with its own text, which may show a URL or a header."""
    from ..http.failures import kinds_of, reason_of

    waited = kinds_of(error) & {"ReadTimeout", "WriteTimeout", "PoolTimeout"}
    return Refused("DEADLINE_EXCEEDED" if waited else "UNAVAILABLE", reason_of(error, proxy))


def in_time(end: float) -> None:
    """A read may take as long as the whole call: an answer that trickles must not take for ever.

    Raises:
        Refused: The clock (`time.monotonic`) is past the end.
    """
    if time.monotonic() > end:
        raise Refused("DEADLINE_EXCEEDED", "the answer was not whole in time")


class Body:
    """Gathers the bytes of an answer, unpacked.

    Args:
        headers: Those of the answer.
        limit: Bytes that it may have.
    """

    def __init__(self, headers: Mapping[str, str], limit: int) -> None:
        self._headers = headers
        self._limit = limit
        self._held = bytearray()
        packed = headers.get("content-encoding", "identity").strip().lower()
        if packed not in _READABLE:
            raise Refused(
                "INTERNAL", f"the server packed its answer as {packed[:_SHOWN]!r}, which it was not asked to do"
            )
        self._unpacker = zlib.decompressobj(_GZIP) if packed == "gzip" else None
        self._begun = False

    def feed(self, chunk: bytes) -> None:
        """More of it.

        Raises:
            Refused: It is too large, or not packed as was said.
        """
        if self._unpacker is not None:
            self._begun = self._begun or bool(chunk)
            try:  # one byte too many is enough to know
                chunk = self._unpacker.decompress(chunk, self._limit + 1 - len(self._held))
            except zlib.error:
                raise Refused("INTERNAL", "what came is no answer (not gzip, which it says it is)") from None
            if self._unpacker.unused_data:
                raise Refused("INTERNAL", "what came is no answer (its gzip goes on after its end)")
        self._held += chunk
        if len(self._held) > self._limit:
            said = None if self._unpacker is not None else self._headers.get("content-length")
            raise too_large(int(said or len(self._held)), self._limit)

    def whole(self) -> bytes:
        """All of it.

        Raises:
            Refused: It broke off.
        """
        if self._unpacker is not None and self._begun and not self._unpacker.eof:
            raise Refused("INTERNAL", "what came is no answer (its gzip breaks off)")
        return bytes(self._held)


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


def _dns_name(host: str) -> str:
    """A name as the DNS wants it (IDNA 2008, as browsers have it); addresses as they are.

    Raises:
        ValueError: It can be none.
    """
    if not host.isascii():
        import idna  # what httpx has for this

        host = idna.encode(host, uts46=True).decode()
    if host and not all(0 < len(label) <= _LABEL for label in host.removesuffix(".").split(".")):
        raise ValueError(host)
    return host


def _base64(value: Any) -> str:
    """Of a configuration such a value is bytes, of `Client.auth_metadata` a text."""
    return base64.b64encode(value.encode() if isinstance(value, str) else value).decode().rstrip("=")


def _kind(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _error(body: bytes, inside: str | None = None) -> Refused | None:
    """The Connect error in a JSON text; None when there is none."""
    try:
        told = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return None
    if inside is not None and isinstance(told, dict):
        told = told.get(inside)
    code = told.get("code") if isinstance(told, dict) else None
    if not isinstance(code, str) or not code:
        return None
    return Refused(_CODES.get(code, code.upper()), str(told.get("message") or ""))
