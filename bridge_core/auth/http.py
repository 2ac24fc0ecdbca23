"""HTTP to the identity provider: standard library, always with a timeout, nothing secret in any error.

Forms take `Secret` values and reveal them only inside the one expression that encodes them, so that no frame of ours holds
them when something fails.
"""

from __future__ import annotations

import base64
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

from ..config.secret import Secret
from ..model.errors import ConfigError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..config import Config

__all__ = ["Http", "host_of"]

_TIMEOUT = 15.0
_LIMIT = 1 << 20
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_BUSY = 429
_BROKEN = 500


class Http:
    """Posts forms.

    Args:
        config: TLS settings, proxy, and whether plaintext was asked for.
        proxy_token: The value for ``Proxy-Authorization``, or None.
    """

    def __init__(self, config: Config, proxy_token: Callable[[], str | None]) -> None:
        self._config = config
        self._proxy_token = proxy_token

    def post(
        self, url: str, form: Mapping[str, str | Secret], *, basic: tuple[str, Secret] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Posts a form; the answer's status and JSON (empty when it is none).

        Args:
            url: Where.
            form: What.
            basic: Client id and secret for HTTP Basic, each form-encoded first (RFC 6749, 2.3.1).

        Raises:
            Unavailable: Nobody could be asked, or the answer is that somebody is busy or broken.
            ConfigError: A secret would travel in plaintext.
        """
        self._check(url)
        status, body = self._send(self._request(url, form, basic), url)
        if status == _BUSY or status >= _BROKEN:
            raise Unavailable(f"the identity provider at {host_of(url)} answered HTTP {status}", code="UNAVAILABLE")
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        return status, answer if isinstance(answer, dict) else {}

    def _request(
        self, url: str, form: Mapping[str, str | Secret], basic: tuple[str, Secret] | None
    ) -> urllib.request.Request:
        request = urllib.request.Request(  # noqa: S310  # the scheme was checked
            url,
            data=urllib.parse.urlencode(
                {name: value.reveal() if isinstance(value, Secret) else value for name, value in form.items()}
            ).encode(),
            headers={"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"},
        )
        if basic is not None:
            request.add_header("Authorization", _basic(*basic))
        if (proxy := self._proxy_token()) is not None:
            request.add_header("Proxy-Authorization", proxy)
        return request

    def _send(self, request: urllib.request.Request, url: str) -> tuple[int, bytes]:
        opener = self._opener()
        try:
            with opener.open(request, timeout=_TIMEOUT) as response:
                return response.status, response.read(_LIMIT)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(_LIMIT)
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            text = getattr(reason, "strerror", None) or getattr(reason, "verify_message", None) or type(reason).__name__
        raise Unavailable(f"cannot reach the identity provider at {host_of(url)}: {text}", code="UNAVAILABLE")

    def _opener(self) -> urllib.request.OpenerDirector:
        handlers: list[Any] = [_NoRedirect(), urllib.request.HTTPSHandler(context=self._tls())]
        if self._config.auth.http_proxy_url:
            proxy = self._config.auth.http_proxy_url
            handlers.append(urllib.request.ProxyHandler({"http": proxy, "https": proxy}))
        return urllib.request.build_opener(*handlers)

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._config.insecure_skip_verify:  # as flytekit: verify=False for the provider too
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif self._config.ca_cert_file:
            try:
                context.load_verify_locations(self._config.ca_cert_file)
            except OSError as error:
                raise ConfigError(
                    f"ca_cert_file {self._config.ca_cert_file} cannot be read: {error.strerror or 'not a PEM certificate'}"
                ) from None
        return context

    def _check(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        auth = self._config.auth
        if parts.scheme == "https" and parts.hostname:
            return
        asked_for = self._config.insecure or url in {auth.token_url, auth.device_authorization_url}
        if parts.scheme == "http" and parts.hostname and (asked_for or parts.hostname in _LOOPBACK):
            return
        raise ConfigError(
            f"Flyte at {self._config.endpoint} names {host_of(url)} ({parts.scheme or 'no'} scheme) for logging in; secrets are "
            "sent over https only. If plaintext is meant, set auth.token_url (admin.tokenUrl) to that address."
        )


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected token request would hand its secret to whoever the redirect names."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def host_of(url: str) -> str:
    """Host and port of a URL, without user, password, path and query."""
    try:
        parts = urllib.parse.urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an unreadable address"
    return f"{parts.hostname or 'an address without host'}{port}"


def _basic(client_id: str, secret: Secret) -> str:
    quote = urllib.parse.quote_plus
    return "Basic " + base64.b64encode(f"{quote(client_id)}:{quote(secret.reveal())}".encode()).decode()
