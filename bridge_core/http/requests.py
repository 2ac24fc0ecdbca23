"""httpx's requests, with two corrections to its URLs: they are sent to the byte, and they are shown without secrets.

Signatures cover how path and query are spelled, and httpx would tidy them up. And it logs the URL of every request at INFO, which
Airflow shows: of a signed URL that would be the signature.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ..model.errors import InvalidRequest
from ..model.masking import url_shown

if TYPE_CHECKING:
    import httpx

__all__ = ["request_of"]

_PRINTABLE = "".join(chr(code) for code in range(0x21, 0x7F))


def request_of(
    verb: str, url: str, headers: Mapping[str, str], body: bytes | Iterable[bytes] | None = None
) -> httpx.Request:
    """A request.

    Args:
        verb: ``GET``, ``PUT``, ``POST``.
        url: Absolute.
        headers: All of them but Host, and for bytes Content-Length.
        body: What is sent.

    Raises:
        InvalidRequest: The URL cannot be used.
    """
    import httpx

    try:
        request = httpx.Request(verb, url, headers=dict(headers), content=body)
        usable = request.url.scheme in ("http", "https") and bool(request.url.host)
    except (httpx.InvalidURL, ValueError, TypeError):
        usable = False
    if not usable:
        raise InvalidRequest(f"{url_shown(url)} is no URL that could be sent to")
    _, _, rest = str(url).partition("://")
    start = min((rest.index(mark) for mark in "/?#" if mark in rest), default=len(rest))
    spelled = rest[start:].partition("#")[0]
    exact: Any = _exact_url()(request.url)
    exact.target = quote(spelled if spelled.startswith("/") else f"/{spelled}", safe=_PRINTABLE).encode("ascii")
    request.url = exact
    return request


@functools.cache
def _exact_url() -> type[httpx.URL]:
    import httpx

    class ExactURL(httpx.URL):
        target = b"/"

        @property
        def raw_path(self) -> bytes:
            return self.target

        def __str__(self) -> str:
            return url_shown(super().__str__())

        def __repr__(self) -> str:
            return f"URL({str(self)!r})"

    return ExactURL
