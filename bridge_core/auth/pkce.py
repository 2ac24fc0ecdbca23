"""Authorization code with PKCE (RFC 7636, RFC 8252): log in with the browser of this machine.

The browser comes back to a listener on the loopback interface, at the redirect URI that the server names. Refused at once
where nobody can be looking at a browser: a scheduler would wait for ever.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import os
import secrets
import socket
import sys
import threading
import webbrowser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs, urlencode, urlsplit

from ..config.secret import Secret
from ..model.errors import ConfigError, Unauthenticated, Unavailable
from .oauth import ask_for_token, refreshed, wanted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .flow import Login
    from .token import Token

__all__ = ["Pkce", "is_interactive"]

log = logging.getLogger("bridge_core.auth")

_TICK = 0.05
_HOSTS = {"localhost": "127.0.0.1", "127.0.0.1": "127.0.0.1", "::1": "::1"}
_PAGE = "<!doctype html><meta charset=utf-8><title>Flyte</title><p style='font:1.2em sans-serif;margin:4em'>{}"


class Pkce:
    """Opens a browser and waits for it to come back."""

    def obtain(self, login: Login, previous: Token | None) -> Token:
        """A token by refresh token, or by asking the person at the browser. See `Flow.obtain`."""
        client_id = login.server.client_id or login.config.auth.client_id  # as flytekit: the server's public client
        return refreshed(login, previous, client_id) or self._ask(login, client_id)

    def _ask(self, login: Login, client_id: str | None) -> Token:
        _refuse_where_nobody_looks(login)
        client = wanted(login, client_id, "client id", "auth.client_id (admin.clientId)")
        redirect = wanted(
            login, login.server.redirect_uri, "redirect URI", "redirectUri of the public client in FlyteAdmin"
        )
        start = wanted(
            login,
            login.server.authorization_url,
            "authorization endpoint",
            "auth.authorization_url (admin.authorizationUrl)",
        )
        verifier, state = Secret(secrets.token_urlsafe(64)), secrets.token_urlsafe(32)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.reveal().encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": client,
            "redirect_uri": redirect,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **login.scope_form,
            **login.audience_form,
        }
        with _Listener(redirect, state) as listener:
            url = f"{start}{'&' if '?' in start else '?'}{urlencode(query)}"
            log.warning("Logging in to Flyte at %s: if no browser opens, open %s", login.config.endpoint, url)
            # Text browsers hold whoever starts them until they end, and they end after the listener has answered.
            threading.Thread(target=_open_browser, args=(url,), name="flyte-bridge-browser", daemon=True).start()
            code = listener.wait(login)
        form = {"grant_type": "authorization_code", "client_id": client, "redirect_uri": redirect}
        return _exchanged(login, {**form, "code": code, "code_verifier": verifier})


def _open_browser(url: str) -> None:
    try:
        webbrowser.open(url)
    except Exception as error:  # noqa: BLE001  # whatever a desktop raises: the address was logged, too
        log.warning("no browser could be opened: %s", type(error).__name__)


def _exchanged(login: Login, form: Mapping[str, str | Secret]) -> Token:
    """The token for the code. A person has just logged in: that is not given up for one answer that did not come."""
    policy, attempt = login.config.retry, 1
    while True:
        try:
            return ask_for_token(login, form, doing="the login in the browser")
        except Unavailable as error:
            delay = policy.delay_after(
                attempt, error, safe=True
            )  # a code that was used is refused, and nothing else happens
            if delay is None:
                raise
            login.pause(delay)
            attempt += 1


def is_interactive(login: Login) -> bool:
    """Whether a person is likely to look at this process: configured, or a terminal, or a notebook."""
    configured = login.config.auth.interactive
    if configured is not None:
        return configured
    if "ipykernel" in sys.modules:
        return True
    try:
        return sys.stdin is not None and sys.stdin.isatty() and os.environ.get("CI", "") in {"", "false"}
    except ValueError:  # closed
        return False


def _refuse_where_nobody_looks(login: Login) -> None:
    if is_interactive(login):
        return
    raise Unauthenticated(
        f"Flyte at {login.config.endpoint} wants a login, and auth mode Pkce opens a browser, which nobody sees in a "
        "non-interactive process. Modes that work here: ClientSecret (client id and secret), ExternalCommand (a program prints "
        "the token), Token (a ready-made token), Passthrough (metadata of yours), a plugin; DeviceFlow, if somebody reads this "
        "process's log. Set auth.mode: admin.authType in the file, or FLYTE_CREDENTIALS_AUTH_MODE. If somebody is at the "
        "browser after all, set FLYTE_CREDENTIALS_INTERACTIVE=true.",
        code="UNAUTHENTICATED",
    )


class _Listener:
    """Waits for the browser to come back with a code."""

    def __init__(self, redirect: str, state: str) -> None:
        parts = urlsplit(redirect)
        address = _HOSTS.get(parts.hostname or "")
        if parts.scheme != "http" or address is None or not parts.port:
            raise ConfigError(
                f"the redirect URI {redirect!r} of this Flyte is not on the loopback interface with a port "
                "(wanted http://localhost:PORT/callback), so no program on this machine can receive the login"
            )
        answers: list[dict[str, str]] = []

        class Handler(_Callback):
            path_wanted = parts.path or "/"
            state_wanted = state
            received = answers

        self._answers = answers
        try:
            self._server = (_Server6 if ":" in address else _Server)((address, parts.port), Handler)
        except OSError as error:
            raise Unavailable(  # another login may be going on, and end
                f"port {parts.port}, where this Flyte's login sends the browser back to, cannot be listened on: "
                f"{error.strerror}. Stop whatever uses it, and try again.",
                code="UNAVAILABLE",
            ) from None
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_TICK,), daemon=True)

    def __enter__(self) -> _Listener:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def wait(self, login: Login) -> Secret:
        """The code.

        Raises:
            Unauthenticated: The provider said no, or nobody logged in.
        """
        deadline = login.now() + login.config.auth.pkce_timeout
        while not self._answers:
            if login.now() >= deadline:
                raise Unauthenticated(
                    f"nobody logged in to Flyte at {login.config.endpoint} with the browser within "
                    f"{login.config.auth.pkce_timeout:.0f} s; try again, or raise auth.pkce_timeout (admin.pkceConfig.timeout)",
                    code="UNAUTHENTICATED",
                )
            login.pause(_TICK)
        answer = self._answers[0]
        if "code" not in answer:
            words = answer.get("error_description", "")
            raise Unauthenticated(
                f"the login in the browser was refused: {answer.get('error', 'no code')} {words}".strip(),
                code="UNAUTHENTICATED",
            )
        return Secret(answer["code"])


class _Server(ThreadingHTTPServer):
    """A thread per connection: browsers open some that they never use."""

    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: Any) -> None:
        """A browser that hangs up is no news, and a traceback would show the code."""
        log.debug("the browser ended a connection: %s", type(sys.exception()).__name__)


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Callback(BaseHTTPRequestHandler):
    """Takes the one request that carries our state; browsers also ask for icons and open idle connections."""

    path_wanted: ClassVar[str]
    state_wanted: ClassVar[str]
    received: ClassVar[list[dict[str, str]]]
    timeout = 2

    def do_GET(self) -> None:
        """Answers the browser."""
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path != self.path_wanted:
            self._answer(404, "Nothing here.")
        elif not hmac.compare_digest(query.get("state", ""), self.state_wanted):
            self._answer(400, "This login was not begun by this program.")
        else:
            try:
                self._answer(
                    200, "Logged in. You may close this page." if "code" in query else "The login was refused."
                )
            finally:  # even when the browser has hung up
                self.received.append(query)

    def _answer(self, status: int, text: str) -> None:
        body = _PAGE.format(text).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Says nothing: the request line holds the code."""
