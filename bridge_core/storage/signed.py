"""PUT and GET through URLs that somebody else signed: streamed, checked, sent again when the network drops them.

The standard library's client is enough here (one request per object, known length, no redirects wanted), and it keeps an
HTTP stack out of the scheduler.
"""

from __future__ import annotations

import hashlib
import http.client
import io
import os
import time
import urllib.parse
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ..errors import InvalidRequest, Unavailable

if TYPE_CHECKING:
    import ssl

__all__ = ["get", "md5", "put", "size"]

_CHUNK = 1 << 20
_ATTEMPTS = 4
_TIMEOUT = 60.0  # seconds a socket may be silent


def md5(source: Path | bytes) -> bytes:
    """MD5 of the content, read now: never remembered by path, because content changes and paths stay.

    Raises:
        InvalidRequest: The file is missing or unreadable.
    """
    digest = hashlib.md5(usedforsecurity=False)
    with _open(source) as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.digest()


def size(source: Path | bytes) -> int:
    """Bytes of the content."""
    return len(source) if isinstance(source, bytes) else source.stat().st_size


def put(url: str, source: Path | bytes, *, headers: Mapping[str, str], content_md5: bytes) -> None:
    """Uploads one object.

    Args:
        url: Signed URL.
        source: File or bytes; read in chunks of 1 MiB.
        headers: What the server demanded. Its ``Content-Length`` is wrong (the length of the MD5 text, a bug of FlyteAdmin's
            stow library) and is replaced.
        content_md5: Lets the store refuse a damaged body.

    Raises:
        InvalidRequest: The store refused it (a 4xx answer), or the file cannot be read or changed meanwhile.
        Unavailable: The store could not be reached, or answered 5xx, four times.
    """
    sent = {name: value for name, value in headers.items() if name.lower() != "content-length"}
    sent["Content-Length"] = str(size(source))
    sent["Content-MD5"] = b64encode(content_md5).decode()
    target = _shown(url)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with _open(source) as stream:
                status, body = _request("PUT", url, stream, sent)
        except (OSError, http.client.HTTPException) as error:
            failure = f"{type(error).__name__}: {error}"
        else:
            if status in (http.client.OK, http.client.CREATED):
                return
            failure = f"HTTP {status}: {body[:300].decode(errors='replace')}"
            if status < http.client.INTERNAL_SERVER_ERROR:
                raise InvalidRequest(f"the store at {target} refused the upload: {failure}")
        if attempt < _ATTEMPTS:
            time.sleep(0.2 * 2**attempt)
    raise Unavailable(f"upload to {target} failed {_ATTEMPTS} times; last: {failure}")


def get(url: str, target: Path) -> None:
    """Downloads one object to a file, which appears only when it is whole.

    Raises:
        InvalidRequest: The store refused (a 4xx answer).
        Unavailable: The store could not be reached, or answered 5xx, four times.
    """
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with partial.open("wb") as file:
                    status, body = _request("GET", url, None, {}, into=file)
            except (OSError, http.client.HTTPException) as error:
                failure = f"{type(error).__name__}: {error}"
            else:
                if status == http.client.OK:
                    partial.replace(target)
                    return
                failure = f"HTTP {status}: {body[:300].decode(errors='replace')}"
                if status < http.client.INTERNAL_SERVER_ERROR:
                    raise InvalidRequest(f"the store at {_shown(url)} refused the download: {failure}")
            if attempt < _ATTEMPTS:
                time.sleep(0.2 * 2**attempt)
        raise Unavailable(f"download from {_shown(url)} failed {_ATTEMPTS} times; last: {failure}")
    finally:
        partial.unlink(missing_ok=True)


def _open(source: Path | bytes) -> IO[bytes]:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    try:
        return source.open("rb")
    except OSError as error:
        raise InvalidRequest(f"file {source} cannot be read for upload: {error.strerror or error}") from None


def _request(
    verb: str, url: str, body: IO[bytes] | None, headers: Mapping[str, str], into: IO[bytes] | None = None
) -> tuple[int, bytes]:
    parts = urllib.parse.urlsplit(url)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(parts.netloc, timeout=_TIMEOUT, context=_tls())
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=_TIMEOUT)
    connection.blocksize = _CHUNK
    try:
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        connection.request(verb, path, body=body, headers=dict(headers))
        answer = connection.getresponse()
        if into is None or answer.status != http.client.OK:
            return answer.status, answer.read(1 << 16)
        while chunk := answer.read(_CHUNK):
            into.write(chunk)
        return answer.status, b""
    finally:
        connection.close()


def _tls() -> ssl.SSLContext:
    import ssl

    return ssl.create_default_context()


def _shown(url: str) -> str:
    """The URL without its query: signatures are secrets."""
    parts = urllib.parse.urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"
