"""`Flow`: one way to get a token. Blocking on purpose: `tokens.py` runs it where it may block, once for all callers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..config import Config
    from .http import Http
    from .server import AuthServer
    from .token import Token

__all__ = ["Flow", "Login"]


@dataclass(frozen=True, slots=True)
class Login:
    """What a flow works with."""

    config: Config
    server: AuthServer
    http: Http

    pause: Callable[[float], None]
    """Waits; raises `GaveUp` when nobody waits for the login any more."""

    now: Callable[[], float]
    """Monotonic seconds."""

    @property
    def audience_form(self) -> dict[str, str]:
        """The audience as a form field, if there is one."""
        return {"audience": self.server.audience} if self.server.audience else {}

    @property
    def scope_form(self) -> dict[str, str]:
        """The scopes as a form field, if there are any."""
        return {"scope": " ".join(self.server.scopes)} if self.server.scopes else {}


class Flow(Protocol):
    """One way to get a token. A plugin is an entry point of group ``flyte_bridge.auth``: ``factory(config) -> Flow``."""

    def obtain(self, login: Login, previous: Token | None) -> Token:
        """A token that works now. Called once however many callers wait.

        Args:
            login: Where and as whom.
            previous: The token to replace, which may hold a refresh token. None: there was none.

        Raises:
            BridgeError: `Unauthenticated` when the login was refused, `Unavailable` when nobody could be asked,
                `ConfigError` when a setting is missing. None may hold a secret.
        """
        ...
