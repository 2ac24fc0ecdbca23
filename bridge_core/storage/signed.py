"""PUT and GET through URLs that somebody else signed: streamed, checked, sent again when the network drops them."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import time
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..model.errors import InvalidRequest, NotFound, Unavailable
from ..model.masking import shown, url_shown
from .http import Answer, Download, HttpPool, Request
from .progress import OnProgress, Progress
from .streams import CHUNK, Counted, atomic, open_source, size_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..model.retry_policy import RetryPolicy

__all__ = ["get", "md5", "put"]

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
        Unavailable: The store could not be reached, or answered 5xx, each time it was asked (`Config.retry`).
    """
    target = url_shown(url)
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
        good = (http.client.OK, http.client.CREATED, http.client.NO_CONTENT)
        _patiently(f"upload of {label} to {target}", send, good, connections.config.retry)


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
        Unavailable: The store could not be reached, or answered 5xx, or nothing whole, each time it was asked.
    """

    def report(done: int, whole: int | None) -> None:
        if progress is not None:
            progress(Progress(name=name or target.name, done=done, size=whole))

    with _pool(pool) as connections, atomic(target) as file:
        download = Download(file, report)

        def fetch() -> Answer:
            return connections.send(Request(verb="GET", url=url, headers={}, into=download))

        what = f"download from {url_shown(url)} to {target}"
        _patiently(what, fetch, (http.client.OK, http.client.PARTIAL_CONTENT), connections.config.retry)


def _patiently(what: str, send: Callable[[], Answer], good: Sequence[int], policy: RetryPolicy) -> None:
    """Sends until the answer is good, as often as the policy says; gives up at once when sending again cannot help."""
    attempt = 1
    while True:
        try:
            answer = send()
        except InvalidRequest as error:
            raise InvalidRequest(f"{what}: {error.message}") from None
        except Unavailable as error:
            failure = error.message
        else:
            if answer.status in good:
                return
            failure = shown(f"HTTP {answer.status}: {answer.body[:300].decode(errors='replace')}")
            if answer.status == http.client.NOT_FOUND:
                raise NotFound(f"{what}: nothing is there ({failure})")
            if answer.status < http.client.INTERNAL_SERVER_ERROR and answer.status not in _BUSY:
                raise InvalidRequest(f"{what}: the store refused it: {failure}")
        trouble = Unavailable(f"{what} failed {attempt} time{'s' * (attempt > 1)}; last: {failure}")
        delay = policy.delay_after(attempt, trouble, safe=True)  # the same bytes to the same place
        if delay is None:
            raise trouble
        time.sleep(delay)
        attempt += 1


@contextlib.contextmanager
def _pool(pool: HttpPool | None) -> Iterator[HttpPool]:
    if pool is not None:
        yield pool
        return
    with HttpPool() as own:
        yield own
