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
    """

    def __init__(self, path: str, md5: str) -> None:
        self.path = path
        self.md5 = md5


class Signer:
    """Makes and checks signed URLs with a key that lives as long as the server."""

    def __init__(self, base_url: str) -> None:
        self._base = base_url
        self._secret = secrets.token_bytes(32)

    def url(self, method: str, path: str, *, seconds: float, md5: str = "") -> str:
        """A URL that allows one HTTP method on one file."""
        expires = str(int(time.time() + seconds))
        query = {"expires": expires, "md5": md5, "signature": self._signature(method, path, expires, md5)}
        return f"{self._base}{quote(path)}?{urlencode(query)}"

    def check(self, method: str, url: str) -> Ticket | None:
        """What a requested URL allows; None when it is forged, expired or for another method. HEAD is as good as GET."""
        parts = urlsplit(url)
        path = unquote(parts.path)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        expires, md5 = query.get("expires", ""), query.get("md5", "")
        expected = self._signature("GET" if method == "HEAD" else method, path, expires, md5)
        if not hmac.compare_digest(expected.encode(), query.get("signature", "").encode()):
            return None
        return Ticket(path, md5) if int(expires) >= time.time() else None

    def _signature(self, *parts: str) -> str:
        message = b"".join(b"%d:%s" % (len(part.encode()), part.encode()) for part in parts)
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()
