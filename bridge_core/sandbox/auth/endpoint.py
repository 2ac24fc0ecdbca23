"""The token endpoint and the gate of the console, over HTTP."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import math
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote_plus

from ..web.server import Route
from .metadata import TOKEN_PATH, server_metadata
from .tokens import SCOPE

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..web.server import Exchange
    from .tokens import Tokens

__all__ = ["TokenEndpoint", "gated"]

_METADATA_PATH = "/.well-known/oauth-authorization-server"
_LONGEST_FORM = 10_000
_UNCACHED = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class TokenEndpoint:
    """RFC 6749, section 4.4: a client's id and secret for a token."""

    def __init__(self, tokens: Tokens, base_url: str) -> None:
        self._tokens = tokens
        self._base_url = base_url

    @property
    def routes(self) -> list[Route]:
        """What it answers."""
        return [
            Route(lambda exchange: exchange.path == TOKEN_PATH, self._answer, ("POST",)),
            Route(lambda exchange: exchange.path == _METADATA_PATH, self._describe),
        ]

    def _answer(self, exchange: Exchange) -> None:
        length = exchange.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _LONGEST_FORM:
            exchange.refuse(400, "a form with its Content-Length is wanted")
            return
        text = exchange.input.read(int(length)).decode(errors="replace")
        form = {name: values[0] for name, values in parse_qs(text).items()}
        user, secret = _basic(exchange) or (form.get("client_id", ""), form.get("client_secret", ""))
        auth = self._tokens.auth
        # RFC 6749 encodes both like form values before Basic does; some clients do, some do not.
        known = any(
            _same(decoded(user), auth.client_id) and _same(decoded(secret), auth.client_secret)
            for decoded in (str, unquote_plus)
        )
        if not known:
            challenge = {"WWW-Authenticate": 'Basic realm="Flyte sandbox"'}
            _json(exchange, 401, {"error": "invalid_client"}, challenge)
        elif form.get("grant_type") != "client_credentials":
            _json(exchange, 400, {"error": "unsupported_grant_type"})
        else:
            scope = form.get("scope") or SCOPE
            token = self._tokens.issue(scope)
            seconds = math.ceil(auth.token_seconds)  # everybody parses whole seconds
            _json(exchange, 200, {"access_token": token, "token_type": "Bearer", "expires_in": seconds, "scope": scope})

    def _describe(self, exchange: Exchange) -> None:
        _json(exchange, 200, server_metadata(self._base_url))


def gated(route: Route, token: str) -> Route:
    """A route that asks for the token: as HTTP Basic password, which browsers ask their user for, or as bearer token."""

    def guarded(answer: Callable[[Exchange], None], exchange: Exchange) -> None:
        basic = _basic(exchange)
        scheme, _, bearer = exchange.headers.get("Authorization", "").partition(" ")
        given = basic[1] if basic else bearer if scheme.lower() == "bearer" else ""
        if _same(given, token):
            answer(exchange)
        else:
            challenge = {"WWW-Authenticate": 'Basic realm="Flyte sandbox: any user name, the token as password"'}
            exchange.refuse(401, "the sandbox's token is wanted", challenge)

    return Route(route.wants, lambda exchange: guarded(route.answer, exchange), route.methods)


def _basic(exchange: Exchange) -> tuple[str, str] | None:
    """User and password."""
    scheme, _, encoded = exchange.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return user, password


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())


def _json(exchange: Exchange, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
    exchange.answer(status, json.dumps(value).encode(), "application/json", _UNCACHED | (headers or {}))
