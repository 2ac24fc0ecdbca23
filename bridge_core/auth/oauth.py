"""The token endpoint of OAuth 2 (RFC 6749): ask, read the answer, refresh."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from ..config.secret import Secret
from ..model.errors import ConfigError, Unauthenticated
from .http import host_of
from .token import Token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .flow import Login

__all__ = ["OAuthRefused", "ask_for_token", "refreshed", "wanted"]

_OK = 200
_SHOWN = 200


class OAuthRefused(Unauthenticated):
    """The identity provider said no.

    Attributes:
        oauth_error: Its error code: ``invalid_client``, ``invalid_grant``, ``authorization_pending`` …
    """

    oauth_error: str = ""


def ask_for_token(
    login: Login, form: Mapping[str, str | Secret], *, basic: tuple[str, Secret] | None = None, doing: str
) -> Token:
    """One request to the token endpoint.

    Args:
        login: Whom to ask.
        form: The grant.
        basic: Client id and secret, when they go by HTTP Basic.
        doing: What this is, for messages: ``client credentials``.

    Raises:
        OAuthRefused: The provider said no.
        Unavailable: It could not be asked.
    """
    url = wanted(login, login.server.token_url, "token endpoint", "auth.token_url (admin.tokenUrl)")
    status, answer = login.http.post(url, form, basic=basic)
    access = answer.get("access_token")
    if status == _OK and isinstance(access, str) and access:
        refresh, lifetime = answer.get("refresh_token"), _number(answer.get("expires_in"))
        return Token(
            access,
            refresh if isinstance(refresh, str) and refresh else None,
            time.time() + lifetime if lifetime and lifetime > 0 else None,  # 0 of some means: not known
        )
    raise refusal(url, status, answer, doing, secrets=(form, basic))


def refusal(url: str, status: int, answer: Mapping[str, Any], doing: str, *, secrets: Any = ()) -> OAuthRefused:
    """The error for an answer that holds no token. Quotes the provider's words, unless they quote a secret of ours."""
    code = str(answer.get("error") or f"HTTP {status}")[:_SHOWN]
    words = re.sub(r"\s+", " ", str(answer.get("error_description") or ""))[:_SHOWN]
    if any(hidden in words or hidden in code for hidden in _revealed(secrets)):
        code, words = f"HTTP {status}", ""
    return OAuthRefused(
        f"the identity provider at {host_of(url)} refused {doing}: {code}{f' ({words})' if words else ''}",
        code="UNAUTHENTICATED",
        details=code,
        oauth_error=code,
    )


def refreshed(login: Login, previous: Token | None, client_id: str | None) -> Token | None:
    """A token for the refresh token of an earlier one. None: there is none, or the provider does not take it any more."""
    if previous is None or not previous.refresh:
        return None
    form: dict[str, str | Secret] = {"grant_type": "refresh_token", "refresh_token": Secret(previous.refresh)}
    if client_id:
        form["client_id"] = client_id
    try:
        token = ask_for_token(login, form, doing="a refresh token")
    except OAuthRefused:
        return None
    return token if token.refresh else Token(token.access, previous.refresh, token.expires_at)


def wanted(login: Login, value: str | None, what: str, setting: str) -> str:
    """The value, or an error that says who should have given it."""
    if value:
        return value
    raise ConfigError(
        f"auth mode {login.config.auth.effective_mode}: no {what} is known; Flyte at {login.config.endpoint} names none. "
        f"Set {setting}."
    )


def _number(value: Any) -> float | None:
    try:
        return float(value) if value is not None else None
    except (TypeError, ValueError):
        return None


def _revealed(secrets: Any) -> list[str]:
    form, basic = secrets or ({}, None)
    hidden = [value for value in form.values() if isinstance(value, Secret)]
    return [secret.reveal() for secret in (*hidden, *((basic[1],) if basic else ()))]
