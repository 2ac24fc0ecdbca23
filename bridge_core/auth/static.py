"""A ready-made token, from a value, an environment variable or a file that somebody else keeps fresh."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..model.errors import ConfigError
from .token import Token

if TYPE_CHECKING:
    from .flow import Login

__all__ = ["StaticToken"]


class StaticToken:
    """Reads ``auth.token`` again each time, so that a rotated file counts."""

    def obtain(self, login: Login, previous: Token | None) -> Token:  # noqa: ARG002  # nothing to refresh
        """The token. See `Flow.obtain`."""
        if not login.config.auth.token:
            raise ConfigError(
                "auth mode Token needs auth.token: set FLYTE_CREDENTIALS_TOKEN_LOCATION (or …_ENV_VAR, or …_TOKEN), or "
                "admin.tokenLocation in the file"
            )
        return Token(login.config.auth.token.reveal())
