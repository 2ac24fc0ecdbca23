"""PUT and GET through URLs that somebody else signed: streamed, checked, sent again when the network drops them."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import time
import urllib.parse
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..model.errors import InvalidRequest, NotFound, Unavailable
from .http import Answer, HttpPool, Request
from .paths import shown
from .progress import OnProgress, Progress
from .streams import CHUNK, Counted, atomic, open_source, size_of

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["get", "md5", "put"]

_ATTEMPTS = 4
_BUSY = (http.client.REQUEST_TIMEOUT, http.client.TOO_MANY_REQUESTS)


def md5(source: Path | bytes, label: str = "") -> bytes:
    """MD5 of the content, read now: never remembered by path, because content changes and paths stay.

    Raises:
        InvalidRequest: The file is missing or unreadable.
    """
    digest = hashlib.md5(usedforsecurity=False)
    buffer = bytearray(CHUNK)
    view = memoryview(buffer)
    with open_source(source, label) as stream:
        try:
            while count := stream.readinto(buffer):  # type: ignore[attr-defined]  # raw files and BytesIO have it
                digest.update(view[:count])
        except OSError as error:
            start = f"{label}: " if label else ""
            raise InvalidRequest(f"{start}file {source!s} cannot be read: {error.strerror or error}") from None
    return digest.digest()


def put(
    url: str,
    source: Path | bytes,
    *,
    headers: Mapping[str, str],
    content_md5: bytes,
    pool: HttpPool | None = None,
    name: str = "",
    progress: OnProgress | None = None,
) -> None:
    """Uploads one object.

    Args:
        url: Signed URL.
        source: File or bytes; read in chunks of 1 MiB.
        headers: What the server demanded. Its ``Content-Length`` is wrong (the length of the MD5 text, a bug of FlyteAdmin's
            stow library) and is replaced.
        content_md5: Lets the store refuse a damaged body.
        pool: Connections to use.
        name: The object, for progress.
        progress: Told how far it is.

    Raises:
        InvalidRequest: The store refused it (a 4xx answer), or the file cannot be read or changed meanwhile.
        Unavailable: The store could not be reached, or answered 5xx, four times.
    """
    target = _shown(url)
    with _pool(pool) as connections:

        def send() -> Answer:
            length = size_of(source)
            sent = {
                key: value for key, value in headers.items() if key.lower() not in ("content-length", "content-md5")
            }
            sent["Content-Length"] = str(length)
            sent["Content-MD5"] = b64encode(content_md5).decode()

            @contextlib.contextmanager
            def body() -> Iterator[Any]:
                with open_source(source) as stream:
                    yield Counted(stream, name, length, progress) if progress else stream

            return connections.send(Request(verb="PUT", url=url, headers=sent, body=body, size=length))

        label = f"file {source}" if isinstance(source, Path) else f"{len(source)} bytes"
        _patiently(
            f"upload of {label} to {target}", send, (http.client.OK, http.client.CREATED, http.client.NO_CONTENT)
        )


def get(
    url: str,
    target: Path,
    *,
    pool: HttpPool | None = None,
    name: str = "",
    progress: OnProgress | None = None,
) -> None:
    """Downloads one object to a file, which appears only when it is whole.

    A transfer that breaks goes on where it broke, if the store promises that the object is still the same (``ETag``).

    Raises:
        InvalidRequest: The store refused (a 4xx answer), or the file cannot be written.
        NotFound: There is no such object.
        Unavailable: The store could not be reached, or answered 5xx, four times.
    """
    with _pool(pool) as connections, atomic(target) as file:
        tags: list[str] = []

        def begin(headers: Mapping[str, str]) -> None:
            tag = headers.get("ETag") or ""
            tags[:] = [tag] if tag and not tag.startswith("W/") else []

        def report(done: int, whole: int | None) -> None:
            if progress is not None:
                progress(Progress(name=name or target.name, done=done, size=whole))

        def fetch() -> Answer:
            done = file.seek(0, 2)
            resume = {"Range": f"bytes={done}-", "If-Range": tags[0]} if done and tags else {}
            return connections.send(
                Request(verb="GET", url=url, headers=resume, into=file, begin=begin, progress=report)
            )

        _patiently(f"download from {_shown(url)} to {target}", fetch, (http.client.OK, http.client.PARTIAL_CONTENT))


def _patiently(what: str, send: Callable[[], Answer], good: Sequence[int]) -> None:
    """Sends until the answer is good, at most four times; gives up at once when sending again cannot help."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            answer = send()
        except InvalidRequest as error:
            raise InvalidRequest(f"{what}: {error.message}") from None
        except (OSError, http.client.HTTPException) as error:
            failure = shown(f"{type(error).__name__}: {error}")
        else:
            if answer.status in good:
                return
            failure = shown(f"HTTP {answer.status}: {answer.body[:300].decode(errors='replace')}")
            if answer.status == http.client.NOT_FOUND:
                raise NotFound(f"{what}: nothing is there ({failure})")
            if answer.status < http.client.INTERNAL_SERVER_ERROR and answer.status not in _BUSY:
                raise InvalidRequest(f"{what}: the store refused it: {failure}")
        if attempt < _ATTEMPTS:
            time.sleep(0.2 * 2**attempt)
    raise Unavailable(f"{what} failed {_ATTEMPTS} times; last: {failure}")


@contextlib.contextmanager
def _pool(pool: HttpPool | None) -> Iterator[HttpPool]:
    if pool is not None:
        yield pool
        return
    with HttpPool() as own:
        yield own


def _shown(url: str) -> str:
    """The URL without its query: signatures are secrets."""
    parts = urllib.parse.urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"
