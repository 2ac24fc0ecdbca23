"""`Auth` and `Access`: what was asked for about reaching and authenticating, checked before anything listens."""

from __future__ import annotations

import ipaddress
import math
import re
import secrets
import socket
from dataclasses import dataclass, field

__all__ = ["Access", "Auth"]

_EVERYWHERE = "0.0.0.0"  # noqa: S104  # compared with, not bound to
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """A Flyte that asks for tokens, as FlyteAdmin with its own authorization server does: the client credentials flow.

    It shows that clients log in, refresh and give up as they should. It is no protection against other users of the
    machine: tokens travel in clear text.
    """

    client_id: str = "flyte-sandbox"
    """The one client."""

    client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    """Its secret. By default another one for every `Auth`."""

    token_seconds: float = 3600.0
    """How long a token is good for."""

    header: str = "flyte-authorization"
    """Metadata key that clients are told to use (FlyteAdmin's default); ``authorization`` is accepted, too."""

    def __post_init__(self) -> None:
        if not self.client_id or not self.client_secret:
            raise ValueError("auth needs a client id and a client secret")
        if ":" in self.client_id:
            raise ValueError(f"a client id has no colon (HTTP Basic splits there), got {self.client_id!r}")
        if not 0 < self.token_seconds < math.inf:
            raise ValueError(f"token_seconds must be positive and end, got {self.token_seconds!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where the servers listen and what they ask for.

    Raises:
        ValueError: Other machines could reach it and no token was given.
    """

    listen: str = _LOOPBACK
    """Address of this machine. Everything but loopback needs a token: task code runs with the rights of this user."""

    token: str | None = field(default=None, repr=False)
    """Asked for by everything: as bearer token or client secret over gRPC, as password of the console, as S3 secret key."""

    auth: Auth | None = None
    """The login of gRPC clients. With a token and no login of its own, the token is the client's secret."""

    public_host: str | None = None
    """How other machines call this one, in URLs that are handed out; None for the address or the host's name."""

    def __post_init__(self) -> None:
        if self.token is not None and (not self.token or "," in self.token or '"' in self.token):
            raise ValueError("the token must not be empty and must have neither commas nor quotes")
        if self.public_host is not None and not re.fullmatch(
            r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", self.public_host
        ):
            raise ValueError(f"public_host wants a host name, without scheme and port, got {self.public_host!r}")
        if not _is_loopback(self.listen) and self.token is None:
            raise ValueError(
                f"listening on {self.listen} lets other machines run code here, so it needs a token: "
                "--token or FLYTE_SANDBOX_TOKEN"
            )
        if self.token is not None and self.auth is None:
            object.__setattr__(self, "auth", Auth(client_secret=self.token))

    @property
    def is_local(self) -> bool:
        """Whether only this machine can connect."""
        return _is_loopback(self.listen)

    @property
    def names(self) -> frozenset[str] | None:
        """Host names that requests may be for; None for any, where everything asks for a token."""
        return frozenset({_LOOPBACK, "localhost", self.nearby, self.host}) if self.is_local else None

    @property
    def nearby(self) -> str:
        """The host by which processes of this machine reach the servers."""
        return _LOOPBACK if self.listen in (_EVERYWHERE, "localhost") else self.listen

    @property
    def host(self) -> str:
        """The host in URLs that are handed out."""
        if self.public_host:
            return self.public_host
        return socket.gethostname() if self.listen == _EVERYWHERE else self.nearby


def _is_loopback(address: str) -> bool:
    if address == "localhost":
        return True
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        raise ValueError(f"listen wants an IPv4 address of this machine, got {address!r}") from None
    if parsed.version != 4:  # noqa: PLR2004
        raise ValueError(f"listen wants an IPv4 address, got {address!r}")
    return parsed.is_loopback
