"""Client credentials (RFC 6749, 4.4): a service logs in as itself. The mode for schedulers.

It proves who it is with a secret, or with a signed statement of somebody whom the provider trusts (RFC 7523, 2.2): a
Kubernetes service account's projected token, for instance, which is read again each time because it is replaced every hour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..config.secret import Secret
from ..model.errors import BridgeError, ConfigError
from .oauth import NoOAuthAnswer, OAuthRefused, ask_for_token

if TYPE_CHECKING:
    from .flow import Login
    from .token import Token

__all__ = ["ClientCredentials"]

_JWT = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_UNAUTHORIZED = 401


class ClientCredentials:
    """Basic first, as flytekit and flytectl do; the form for providers that take nothing else. Remembers which it was."""

    def __init__(self) -> None:
        self._by_form = False

    def obtain(self, login: Login, previous: Token | None) -> Token:  # noqa: ARG002  # the grant has no refresh tokens
        """A token for client id and secret. See `Flow.obtain`."""
        auth = login.config.auth
        grant: dict[str, str | Secret] = {
            "grant_type": "client_credentials",
            **login.scope_form,
            **login.audience_form,
        }
        if auth.client_assertion:
            who = {"client_id": auth.client_id} if auth.client_id else {}
            form = {**grant, **who, "client_assertion_type": _JWT, "client_assertion": auth.client_assertion}
            return ask_for_token(login, form, doing=f"the client assertion of {auth.client_id or 'its subject'!r}")
        if not auth.client_id or not auth.client_secret:
            missing = "auth.client_id" if not auth.client_id else "auth.client_secret"
            raise ConfigError(
                f"auth mode ClientSecret needs {missing}. Set admin.clientId and admin.clientSecretLocation in the file, or "
                "FLYTE_CREDENTIALS_CLIENT_ID and FLYTE_CREDENTIALS_CLIENT_SECRET_LOCATION (or …_ENV_VAR, …_CLIENT_SECRET); or "
                "auth.client_assertion (FLYTE_CREDENTIALS_CLIENT_ASSERTION_LOCATION) instead of a secret."
            )
        form = {**grant, "client_id": auth.client_id, "client_secret": auth.client_secret}
        doing = f"the client credentials of {auth.client_id!r}"
        if self._by_form:
            return ask_for_token(login, form, doing=doing)
        first: BridgeError
        try:
            return ask_for_token(login, grant, basic=(auth.client_id, auth.client_secret), doing=doing)
        except OAuthRefused as refused:
            if refused.oauth_error not in {"invalid_client", "invalid_request", "unauthorized_client", "HTTP 401"}:
                raise
            first = refused
        except NoOAuthAnswer as answer:
            if (
                answer.status != _UNAUTHORIZED
            ):  # else it may be a provider that takes no Basic, and says so in its own way
                raise
            first = answer
        try:
            token = ask_for_token(login, form, doing=doing)
        except (OAuthRefused, NoOAuthAnswer):
            raise first from None  # the way the standard prefers says more
        self._by_form = True
        return token
