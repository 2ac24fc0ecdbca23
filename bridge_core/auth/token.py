"""`Token`: what a flow brings back. Never shown; as JSON only for a token cache."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Any, Self

__all__ = ["Token", "sendable"]

_SENDABLE = re.compile(r"[\x21-\x7e]+( +[\x21-\x7e]+)*")


def sendable(text: str) -> bool:
    """Whether gRPC can send it as a credential: one line of printable ASCII. It would call anything else an outage."""
    return _SENDABLE.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """An access token and what is known about it."""

    access: str
    """Goes into the header, after ``Bearer``."""

    refresh: str | None = None
    """Buys the next one without a login."""

    expires_at: float | None = None
    """Wall clock (seconds since the epoch), so that it means the same in another process. None: not known."""

    header: str | None = None
    """Metadata key it was sent under, so that a cached token goes out right the first time."""

    def __repr__(self) -> str:
        return f"Token(expires_at={self.expires_at!r}, refreshable={self.refresh is not None})"

    def without_refresh(self) -> Self:
        """For a forked child: a refresh token used twice makes strict providers revoke both."""
        return replace(self, refresh=None)

    def to_mapping(self) -> dict[str, Any]:
        """Plain JSON, secrets included."""
        return {"access": self.access, "refresh": self.refresh, "expires_at": self.expires_at, "header": self.header}

    @classmethod
    def from_mapping(cls, mapping: Any) -> Self | None:
        """The reverse; None for what no token can be made of."""
        access = mapping.get("access") if isinstance(mapping, dict) else None
        if not isinstance(access, str) or not sendable(access):
            return None
        refresh, expires, header = mapping.get("refresh"), mapping.get("expires_at"), mapping.get("header")
        return cls(
            access,
            refresh if isinstance(refresh, str) else None,
            float(expires) if isinstance(expires, int | float) and math.isfinite(expires) else None,
            header if isinstance(header, str) else None,
        )
