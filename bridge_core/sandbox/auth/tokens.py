"""Tokens that were handed out: opaque, kept in memory, gone after their time or with the server."""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from typing import TYPE_CHECKING

from ..model.status import Rejected

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .access import Access, Auth

__all__ = ["OPEN_METHODS", "SCOPE", "Tokens"]

SCOPE = "all"
"""The scope that FlyteAdmin asks for (``auth/config`` and ``auth/interceptor.go``)."""

OPEN_METHODS = frozenset({"GetOAuth2Metadata", "GetPublicClientConfig"})
"""What a client must be able to ask before it has a token."""


class Tokens:
    """Issues and checks tokens.

    Args:
        auth: The one client.
        access: Has a token that is always good, or none.
        clock: Seconds that only grow.
    """

    def __init__(self, auth: Auth, access: Access, clock: Callable[[], float] = time.monotonic) -> None:
        self.auth = auth
        self._constant = access.token
        self._clock = clock
        self._lock = threading.Lock()
        self._issued: dict[str, tuple[float, str]] = {}

    def issue(self, scope: str) -> str:
        """A new token."""
        token = secrets.token_urlsafe(32)
        now = self._clock()
        with self._lock:
            self._issued = {old: entry for old, entry in self._issued.items() if entry[0] > now}
            self._issued[token] = (now + self.auth.token_seconds, scope)
        return token

    def expire(self) -> None:
        """Makes every token that was handed out worthless, as if its time were over."""
        with self._lock:
            self._issued.clear()

    def check_call(self, method: str, metadata: Mapping[str, str]) -> None:
        """Lets a call through, or not.

        Raises:
            Rejected: UNAUTHENTICATED, in FlyteAdmin's words (``auth/handlers.go``, ``auth/interceptor.go``).
        """
        if method in OPEN_METHODS:
            return
        value = metadata.get(self.auth.header) or metadata.get("authorization") or ""
        scheme, _, token = value.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Rejected("UNAUTHENTICATED", "token parse error [JWT_VERIFICATION_FAILED] Email: no bearer token")
        if self._constant is not None and hmac.compare_digest(token.encode(), self._constant.encode()):
            return
        with self._lock:
            expires, scope = self._issued.get(token, (0.0, ""))
        if expires <= self._clock():
            raise Rejected(
                "UNAUTHENTICATED", "token parse error [JWT_VERIFICATION_FAILED] the token is unknown or expired"
            )
        if SCOPE not in scope.split():
            raise Rejected("UNAUTHENTICATED", "authenticated user doesn't have required scope")
