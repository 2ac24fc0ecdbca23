"""Signed URLs: whoever holds one may do one thing to one file for some time, like with S3."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

__all__ = ["Signer", "Ticket"]


class Ticket:
    """What a valid URL allows.

    Attributes:
        path: The file, as `Layout.url_path` names it.
        md5: Base64 of the MD5 that an upload must have; empty when any content may be uploaded.
        headers: Names of the headers that must come with it and say the MD5, too.
    """

    def __init__(self, path: str, md5: str, headers: tuple[str, ...]) -> None:
        self.path = path
        self.md5 = md5
        self.headers = headers


class Signer:
    """Makes and checks signed URLs with a key that lives as long as the server."""

    def __init__(self, base_url: str) -> None:
        self._base = base_url
        self._secret = secrets.token_bytes(32)

    def url(self, method: str, path: str, *, seconds: float, md5: str = "", headers: tuple[str, ...] = ()) -> str:
        """A URL that allows one HTTP method on one file."""
        expires = str(int(time.time() + seconds))
        query = {"expires": expires, "md5": md5, "headers": ";".join(headers)}
        query["signature"] = self._signature(method, path, *query.values())
        return f"{self._base}{quote(path)}?{urlencode(query)}"

    def check(self, method: str, url: str) -> Ticket | None:
        """What a requested URL allows; None when it is forged, expired or for another method. HEAD is as good as GET."""
        parts = urlsplit(url)
        path = unquote(parts.path)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        expires, md5, headers = (query.get(name, "") for name in ("expires", "md5", "headers"))
        expected = self._signature("GET" if method == "HEAD" else method, path, expires, md5, headers)
        if not hmac.compare_digest(expected.encode(), query.get("signature", "").encode()):
            return None
        return Ticket(path, md5, tuple(filter(None, headers.split(";")))) if int(expires) >= time.time() else None

    def _signature(self, *parts: str) -> str:
        message = b"".join(b"%d:%s" % (len(part.encode()), part.encode()) for part in parts)
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()
