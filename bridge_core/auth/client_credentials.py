"""Client credentials (RFC 6749, 4.4): a service logs in as itself. The mode for schedulers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..model.errors import ConfigError
from .oauth import OAuthRefused, ask_for_token

if TYPE_CHECKING:
    from ..config.secret import Secret
    from .flow import Login
    from .token import Token

__all__ = ["ClientCredentials"]


class ClientCredentials:
    """Basic first, as flytekit and flytectl do; the form for providers that take nothing else. Remembers which it was."""

    def __init__(self) -> None:
        self._by_form = False

    def obtain(self, login: Login, previous: Token | None) -> Token:  # noqa: ARG002  # the grant has no refresh tokens
        """A token for client id and secret. See `Flow.obtain`."""
        auth = login.config.auth
        if not auth.client_id or not auth.client_secret:
            missing = "auth.client_id" if not auth.client_id else "auth.client_secret"
            raise ConfigError(
                f"auth mode ClientSecret needs {missing}. Set admin.clientId and admin.clientSecretLocation in the file, or "
                "FLYTE_CREDENTIALS_CLIENT_ID and FLYTE_CREDENTIALS_CLIENT_SECRET_LOCATION (or …_ENV_VAR, …_CLIENT_SECRET)."
            )
        grant = {"grant_type": "client_credentials", **login.scope_form, **login.audience_form}
        form: dict[str, str | Secret] = {
            **grant,
            "client_id": auth.client_id,
            "client_secret": auth.client_secret,
        }
        doing = f"the client credentials of {auth.client_id!r}"
        if self._by_form:
            return ask_for_token(login, form, doing=doing)
        try:
            return ask_for_token(login, grant, basic=(auth.client_id, auth.client_secret), doing=doing)
        except OAuthRefused as refused:
            if refused.oauth_error not in {"invalid_client", "invalid_request", "unauthorized_client", "HTTP 401"}:
                raise
            first = refused
        try:
            token = ask_for_token(login, form, doing=doing)
        except OAuthRefused:
            raise first from None  # the way the standard prefers says more
        self._by_form = True
        return token
