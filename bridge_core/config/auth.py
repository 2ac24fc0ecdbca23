"""`AuthConfig`: how to become known to one Flyte. Only says what to do; doing it is `bridge_core.auth`.

Spellings of modes: flytekit's ``AuthType`` and flytectl's ``authType`` (semantics.md, Auth spellings).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Final

from ..model.errors import ConfigError
from ..model.masking import Hidden, WithSecrets, hide_passwords
from .numbers import check_seconds
from .secret import NO_SECRET, HeaderSecret, Secret, wrap_secrets

__all__ = ["MODES", "TOKEN_CACHES", "AuthConfig"]

PKCE: Final = "Pkce"
CLIENT_SECRET: Final = "ClientSecret"  # noqa: S105  # the name of a mode
EXTERNAL_COMMAND: Final = "ExternalCommand"
DEVICE_FLOW: Final = "DeviceFlow"
PASSTHROUGH: Final = "Passthrough"
TOKEN: Final = "Token"  # noqa: S105  # the name of a mode

MODES: Final = {
    "pkce": PKCE,
    "standard": PKCE,
    "clientsecret": CLIENT_SECRET,
    "client_credentials": CLIENT_SECRET,
    "clientcredentials": CLIENT_SECRET,
    "basic": CLIENT_SECRET,
    "externalcommand": EXTERNAL_COMMAND,
    "external_process": EXTERNAL_COMMAND,
    "externalprocess": EXTERNAL_COMMAND,
    "deviceflow": DEVICE_FLOW,
    "device_flow": DEVICE_FLOW,
    "passthrough": PASSTHROUGH,
    "token": TOKEN,
    "static": TOKEN,
}
"""Lower-case spelling -> mode. Anything else names a plugin (entry-point group ``flyte_bridge.auth``)."""

TOKEN_CACHES: Final = ("memory", "file", "keyring")
_LOGIN: Final = 150.0
"""Seconds: more than a program that makes tokens may take, or a provider that does not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthConfig(WithSecrets):
    """How calls are authenticated, if the server asks for it."""

    PARTS: ClassVar[dict[str, type]] = {"client_secret": Secret, "client_assertion": Secret, "token": Secret}

    mode: str | None = None
    """`MODES`, or the name of a plugin. None: Token when a token is given, ClientSecret when the client secret is given by
    reference, else Pkce. Nothing happens before the server answers UNAUTHENTICATED."""

    client_id: str | None = None
    """OAuth client. None: the public client that the server names (the browser flows only)."""

    client_secret: Secret = NO_SECRET
    """Of the client credentials flow. A location or env_var forces ClientSecret."""

    client_assertion: Secret = NO_SECRET
    """Instead of the secret: a signed JWT (RFC 7523, 2.2), for instance a Kubernetes service account's projected token. Read
    again for each login, because it rotates. A location or env_var forces ClientSecret."""

    token: Secret = NO_SECRET
    """A ready-made access token, sent with every call from the first one on. Read again when the server refuses it."""

    scopes: tuple[str, ...] = ()
    """Asked for. Empty: those the server names."""

    audience: str | None = None
    """Asked for. None: the one the server names, if any."""

    use_audience_from_admin: bool | None = None
    """True: the server's audience wins over ours. False: the server's is never used."""

    command: tuple[str, ...] = field(default=(), repr=False)
    """Program and arguments whose output is the token (ExternalCommand)."""

    command_ttl: float | None = None
    """Seconds that the command's token is good for. None: until the server refuses it."""

    proxy_command: tuple[str, ...] = field(default=(), repr=False)
    """Program and arguments whose output goes into ``proxy-authorization``, on calls and on the identity provider's HTTP."""

    authorization_header: str | None = None
    """Metadata key of the token. None: the one the server names, else ``authorization``."""

    token_url: str | None = None
    """The token endpoint. None: the one the server names."""

    authorization_url: str | None = None
    """The authorization endpoint. None: the one the server names."""

    device_authorization_url: str | None = None
    """The device authorization endpoint. None: the one the server names."""

    http_proxy_url: str | None = field(default=None, repr=False)
    """Proxy of the OAuth HTTP only. None: that of the environment (``HTTPS_PROXY``)."""

    token_refresh_window: float | None = None
    """Seconds before expiry in which a token is replaced, but not in the first quarter of its life. None: in the last quarter.
    0: at its expiry."""

    pkce_refresh_window: float | None = None
    """The same, of the Pkce mode alone; wins there."""

    device_refresh_window: float | None = None
    """The same, of the device flow alone; wins there."""

    interactive: bool | None = None
    """Whether somebody is there to log in with a browser. None: somebody is when the process has a terminal or a notebook."""

    pkce_timeout: float = 120.0
    """Seconds that the login in the browser may take."""

    device_timeout: float = 600.0
    """Seconds that the login on the other device may take; the provider's own limit counts too."""

    device_poll_interval: float = 5.0
    """Seconds between questions when the provider names no interval."""

    token_cache: str = "memory"  # noqa: S105  # a kind of store
    """``memory`` (of this client), ``file`` (mode 0600, below `token_cache_dir`) or ``keyring`` (when installed)."""

    token_cache_dir: str = "~/.cache/flyte-bridge/tokens"  # noqa: S105  # a folder
    """Folder of the file cache."""

    def __post_init__(self) -> None:
        if self.mode is not None:
            object.__setattr__(self, "mode", MODES.get(self.mode.strip().lower(), self.mode.strip()) or None)
        for name in ("scopes", "command", "proxy_command"):
            value = getattr(self, name)
            if isinstance(value, str) or not all(isinstance(item, str) for item in value):
                raise ConfigError(f"auth.{name} must be a list of texts, got {type(value).__name__}")
            object.__setattr__(self, name, tuple(value))
        for name in ("command", "proxy_command"):  # arguments may be secrets; the program is named in messages
            program, *arguments = getattr(self, name) or ("",)
            if program:
                object.__setattr__(self, name, (program, *map(Hidden, arguments)))
        hide_passwords(self)
        wrap_secrets(self, "auth")
        if self.token and not isinstance(self.token, HeaderSecret):
            header = HeaderSecret(self.token.value, self.token.env_var, self.token.location)
            object.__setattr__(self, "token", header)
        if self.token_cache not in TOKEN_CACHES:
            raise ConfigError(f"auth.token_cache must be one of {', '.join(TOKEN_CACHES)}, got {self.token_cache!r}")
        for name in ("token_refresh_window", "pkce_refresh_window", "device_refresh_window"):
            check_seconds(f"auth.{name}", getattr(self, name), zero=True)
        for name in ("pkce_timeout", "device_timeout", "device_poll_interval", "command_ttl"):
            check_seconds(f"auth.{name}", getattr(self, name))

    @property
    def refresh_window(self) -> float | None:
        """The refresh window that counts."""
        special = {PKCE: self.pkce_refresh_window, DEVICE_FLOW: self.device_refresh_window}.get(self.effective_mode)
        return self.token_refresh_window if special is None else special

    @property
    def effective_mode(self) -> str:
        """The mode that counts."""
        if self.mode:
            return self.mode
        if self.token:
            return TOKEN
        return CLIENT_SECRET if self.client_secret.is_reference or self.client_assertion.is_reference else PKCE

    @property
    def login_patience(self) -> float:
        """Seconds that one login may take: how long another process may hold up ours."""
        person = {PKCE: self.pkce_timeout, DEVICE_FLOW: self.device_timeout}.get(self.effective_mode, 0.0)
        return _LOGIN + person
