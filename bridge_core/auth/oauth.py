"""The token endpoint of OAuth 2 (RFC 6749): ask, read the answer, refresh.

One classification for every flow. *Refused*: an error answer of RFC 6749, 5.2 (`OAuthRefused`); asking again cannot help.
*Could not ask*: everything else (`Unavailable`): no answer, half an answer, a page of a proxy in between, a provider that is
starting. Whoever waits, waits on.
"""

from __future__ import annotations

import math
import re
import time
from typing import TYPE_CHECKING, Any

from ..config.secret import Secret
from ..model.errors import BridgeError, ConfigError, Unauthenticated, Unavailable
from ..model.masking import Hidden
from .token import Token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .flow import Login
    from .http import Reply

__all__ = ["NoOAuthAnswer", "OAuthRefused", "ask_for_token", "number", "refreshed", "refusal", "wanted"]

_OK, _BAD_REQUEST, _UNAUTHORIZED, _PROXY_LOGIN, _SERVER_ERROR = 200, 400, 401, 407, 500
_NOT_OURS = frozenset({404, 407, 408, 429})
"""Statuses that no OAuth error answer has: of a wrong address, a proxy, somebody busy."""
_SHOWN = 200
_CODE = re.compile(r"[a-z][a-z0-9_.-]*")
_LATER = frozenset({"server_error", "temporarily_unavailable"})
"""Error codes that say of themselves that they pass (RFC 6749, 4.1.2.1; some token endpoints say them, too)."""
_KNOWN = frozenset(
    {
        *("invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type"),
        *("invalid_scope", "invalid_target"),  # RFC 6749, 5.2; RFC 8707
        *("authorization_pending", "slow_down", "access_denied", "expired_token"),  # RFC 8628, 3.5
        *("interaction_required", "login_required", "consent_required", "mfa_required"),
    }
)
"""Error codes that count under 403 and the like, which providers use against the standard, and proxies of their own."""


class OAuthRefused(Unauthenticated):
    """The identity provider said no.

    Attributes:
        oauth_error: Its error code: ``invalid_client``, ``invalid_grant``, ``authorization_pending`` …
    """

    oauth_error: str = ""


class NoOAuthAnswer(Unavailable):
    """Somebody answered, but not as OAuth says.

    Attributes:
        status: Its HTTP status.
    """

    status: int = 0


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
    reply = login.http.post(url, form, basic=basic)
    token = _token(reply)
    if token is None:
        raise refusal(login, url, reply, doing, secrets=(form, basic))
    return token


def _token(reply: Reply) -> Token | None:
    access = reply.json.get("access_token")
    if reply.status != _OK or not isinstance(access, str) or not access:
        return None
    refresh, lifetime = reply.json.get("refresh_token"), number(reply.json.get("expires_in"))
    return Token(
        access,
        refresh if isinstance(refresh, str) and refresh else None,
        time.time() + lifetime if lifetime else None,  # 0 of some means: not known
    )


def refusal(login: Login, url: str, reply: Reply, doing: str, *, secrets: Any = ()) -> BridgeError:
    """The error for an answer that holds no token. Quotes the provider's words, unless they quote a secret of ours."""
    code = _oauth_error(reply)
    if code is None or code in _LATER:
        kind = f"{reply.kind or 'no media type'}{'' if reply.json else ', no JSON object'}"
        found = (
            f"{code} (HTTP {reply.status})" if code else f"HTTP {reply.status} ({kind}), which is no answer of OAuth"
        )
        advice = ""
        if reply.status == _PROXY_LOGIN:
            advice = ". A proxy in between wants a login: see auth.proxy_command and auth.http_proxy_url"
        elif code is None and _BAD_REQUEST <= reply.status < _SERVER_ERROR:
            advice = ". Is it a proxy in between, or is the address (auth.token_url, admin.tokenUrl) wrong?"
        return NoOAuthAnswer(
            f"{login.http.whom(url)} could not be asked for a token ({doing}): it answered {found}{advice}",
            code="UNAVAILABLE",
            status=reply.status,
        )
    code, words = code[:_SHOWN], re.sub(r"\s+", " ", str(reply.json.get("error_description") or ""))[:_SHOWN]
    hidden = _revealed(secrets)
    if any(secret in words for secret in hidden):
        words = ""
    if code not in _KNOWN and any(secret in code for secret in hidden):
        code = f"HTTP {reply.status}"
    return OAuthRefused(
        f"{login.http.whom(url)} refused {doing}: {code}{f' ({words})' if words else ''}",
        details=code,  # no `code`: it is no answer of Flyte's (model/classification.py)
        oauth_error=code,
    )


def _oauth_error(reply: Reply) -> str | None:
    """The error code of an answer as RFC 6749, 5.2 describes it; None for every other one."""
    code = reply.json.get("error")
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        return None
    if reply.kind and reply.kind != "application/json" and not reply.kind.endswith("+json"):
        return None
    if reply.status in (_BAD_REQUEST, _UNAUTHORIZED):
        return code
    ours = _BAD_REQUEST <= reply.status < _SERVER_ERROR and reply.status not in _NOT_OURS
    return code if (ours and code in _KNOWN) or code in _LATER else None


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


def number(value: Any) -> float | None:
    """A number of an answer, which some write as text; None for anything else, and for what is not finite and positive."""
    try:
        found = float(value) if value is not None and not isinstance(value, bool) else 0.0
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) and found > 0 else None


def _revealed(secrets: Any) -> list[Hidden]:
    form, basic = secrets or ({}, None)
    hidden = [value for value in form.values() if isinstance(value, Secret)]
    return [Hidden(secret.reveal()) for secret in (*hidden, *((basic[1],) if basic else ()))]
