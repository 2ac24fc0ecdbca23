"""`ServerTls`: which files make a connector service speak TLS."""

from __future__ import annotations

from dataclasses import dataclass

from .public import public

__all__ = ["ServerTls"]


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTls:
    """Files for TLS. Read when the server starts."""

    certificate: str
    """PEM: the server's certificate and those between it and the authority."""
    key: str
    """PEM: its private key."""
    client_ca: str | None = None
    """PEM: who signs the certificates of callers. Given, callers without one are turned away (mutual TLS)."""
