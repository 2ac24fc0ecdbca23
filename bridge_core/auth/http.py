"""HTTP to the identity provider: through httpx, always with a timeout, nothing secret in any error.

Forms take `Secret` values and reveal them only inside the one expression that encodes them, so that no frame of ours holds
them when something fails.
"""

from __future__ import annotations

import base64
import contextlib
import json
import urllib.parse
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..config.secret import Secret
from ..model.errors import ConfigError, InvalidRequest, Unavailable
from ..model.masking import host_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..config import Config

__all__ = ["Http", "Reply"]

_TIMEOUT = 15.0
_LIMIT = 1 << 20
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, whole: what became of it is for `oauth.py` to say."""

    status: int
    kind: str
    """Its media type, lower case, without parameters; empty when it names none."""
    json: dict[str, Any] = field(default_factory=dict, repr=False)
    """Its body, when that is a JSON object."""


class Http:
    """Posts forms.

    Args:
        config: TLS settings, proxy, and whether plaintext was asked for.
        proxy_token: The value for ``Proxy-Authorization``, or None.
    """

    def __init__(self, config: Config, proxy_token: Callable[[], str | None]) -> None:
        self._config = config
        self._proxy_token = proxy_token

    def post(self, url: str, form: Mapping[str, str | Secret], *, basic: tuple[str, Secret] | None = None) -> Reply:
        """Posts a form, once.

        Args:
            url: Where.
            form: What.
            basic: Client id and secret for HTTP Basic, each form-encoded first (RFC 6749, 2.3.1).

        Raises:
            Unavailable: Nobody could be asked, or the answer is not whole.
            ConfigError: A secret would travel in plaintext.
        """
        self._check(url)
        found = self._exchange(url, form, basic)
        if isinstance(found, str):  # raised here, where no variable holds what came
            raise Unavailable(f"cannot reach {self.whom(url)}: {found}", code="UNAVAILABLE")
        return found

    def _exchange(self, url: str, form: Mapping[str, str | Secret], basic: tuple[str, Secret] | None) -> Reply | str:
        """The answer, or why there is none."""
        import httpx

        from ..http.clients import open_client
        from ..http.failures import reason_of
        from ..http.proxies import proxy_of
        from ..http.requests import request_of

        proxy = proxy_of(url, self._config.auth.http_proxy_url)
        tunnel = proxy is not None and url.lower().startswith("https:")
        named = proxy is None or "@" not in proxy  # else its URL says who we are
        token = self._proxy_token if named else _none
        body = bytearray()
        try:
            with (
                open_client(
                    self._config, url, proxy=proxy, timeout=_TIMEOUT, proxy_token=token if tunnel else None
                ) as client,
                contextlib.closing(
                    client.send(
                        request_of(
                            "POST",
                            url,
                            {
                                "Accept": "application/json",
                                "Content-Type": "application/x-www-form-urlencoded",
                                **({} if tunnel else _proxy_authorization(token)),
                                **({} if basic is None else {"Authorization": _basic(*basic)}),
                            },
                            _encoded(form),
                        ),
                        auth=_as_it_is,
                        stream=True,
                    )
                ) as answer,
            ):
                for piece in answer.iter_bytes():
                    body += piece
                    if len(body) > _LIMIT:
                        return f"its answer is longer than {_LIMIT} bytes"
                return Reply(answer.status_code, _kind(answer.headers.get("content-type", "")), _object(bytes(body)))
        except httpx.TransportError as error:
            return reason_of(error, proxy)
        except httpx.DecodingError:
            return "its answer is packed in a way that cannot be read"
        except InvalidRequest as error:
            return error.message

    def whom(self, url: str) -> str:
        """Whom a request to this URL asks, for messages: the proxy in between is named, because its answers look alike."""
        from ..http.proxies import proxy_of

        proxy = proxy_of(url, self._config.auth.http_proxy_url)
        way = f" (through the proxy {host_of(proxy)})" if proxy else ""
        return f"the identity provider at {host_of(url)}{way}"

    def _check(self, url: str) -> None:
        try:
            parts = urllib.parse.urlsplit(url)
            scheme, host = parts.scheme, parts.hostname
        except ValueError:
            scheme, host = "", None
        auth = self._config.auth
        if scheme == "https" and host:
            return
        asked_for = self._config.insecure or url in {auth.token_url, auth.device_authorization_url}
        if scheme == "http" and host and (asked_for or host in _LOOPBACK):
            return
        raise ConfigError(
            f"Flyte at {self._config.endpoint} names {host_of(url)} ({scheme or 'no'} scheme) for logging in; secrets are "
            "sent over https only. If plaintext is meant, set auth.token_url (admin.tokenUrl) to that address."
        )


def _encoded(form: Mapping[str, str | Secret]) -> bytes:
    return urllib.parse.urlencode(
        {name: value.reveal() if isinstance(value, Secret) else value for name, value in form.items()}
    ).encode()


def _basic(client_id: str, secret: Secret) -> str:
    quote = urllib.parse.quote_plus
    return "Basic " + base64.b64encode(f"{quote(client_id)}:{quote(secret.reveal())}".encode()).decode()


def _none() -> None:
    return None


def _proxy_authorization(token: Callable[[], str | None]) -> dict[str, str]:
    found = token()
    return {} if found is None else {"Proxy-Authorization": found}


def _as_it_is(request: Any) -> Any:
    """For httpx: a user in the URL adds no ``Authorization`` of its own."""
    return request


def _kind(header: str) -> str:
    return header.partition(";")[0].strip().lower()


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
