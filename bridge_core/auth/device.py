"""Device flow (RFC 8628): log in on another device, for machines without a browser."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ..config.secret import Secret
from ..model.errors import Unauthenticated, Unavailable
from .oauth import OAuthRefused, ask_for_token, number, refreshed, refusal, wanted

if TYPE_CHECKING:
    from .flow import Login
    from .token import Token

__all__ = ["DeviceFlow"]

log = logging.getLogger("bridge_core.auth")

_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_SLOWER = 5.0
"""Seconds added to the interval by each ``slow_down``, for good (RFC 8628, 3.5)."""
_LONGEST = 30.0
"""Seconds between questions while the provider does not answer."""


class DeviceFlow:
    """Shows an address and a code, and asks until somebody has entered it."""

    def obtain(self, login: Login, previous: Token | None) -> Token:
        """A token by refresh token, or by asking a person. See `Flow.obtain`."""
        client_id = login.server.client_id or login.config.auth.client_id  # as flytekit: the server's public client
        return refreshed(login, previous, client_id) or self._ask(login, client_id)

    def _ask(self, login: Login, client_id: str | None) -> Token:
        auth = login.config.auth
        url = wanted(
            login,
            login.server.device_authorization_url,
            "device authorization endpoint",
            "another auth mode, or auth.device_authorization_url (admin.deviceAuthorizationUrl)",
        )
        client = {"client_id": wanted(login, client_id, "client id", "auth.client_id (admin.clientId)")}
        reply = login.http.post(url, {**client, **login.scope_form, **login.audience_form})
        answer = reply.json
        if not answer.get("device_code") or not answer.get("verification_uri"):
            raise refusal(login, url, reply, "the beginning of a device login")
        interval = number(answer.get("interval")) or auth.device_poll_interval
        patience = min(number(answer.get("expires_in")) or auth.device_timeout, auth.device_timeout)
        deadline = login.now() + patience
        # A warning, because Python shows warnings even where nobody set up logging.
        log.warning(
            "To log in to Flyte at %s, open %s and enter the code %s (valid for %d minutes)",
            login.config.endpoint,
            answer.get("verification_uri_complete") or answer["verification_uri"],
            answer.get("user_code"),
            max(int(patience / 60), 1),
        )
        form: dict[str, str | Secret] = {
            "grant_type": _GRANT,
            "device_code": Secret(str(answer["device_code"])),
            **client,
        }
        delay, trouble = interval, ""
        while login.now() + interval < deadline:
            login.pause(min(delay, deadline - login.now()))
            try:
                return ask_for_token(login, form, doing="the device login")
            except Unavailable as error:  # the code is good until it expires; asked less often (RFC 8628, 3.5)
                delay, trouble = min(delay * 2, max(interval, _LONGEST)), error.message
                log.info("the device login at %s goes on: %s", login.config.endpoint, error)
                continue
            except OAuthRefused as refused:
                if refused.oauth_error == "slow_down":
                    interval += _SLOWER
                elif refused.oauth_error == "expired_token":
                    break
                elif refused.oauth_error != "authorization_pending":
                    raise
            delay, trouble = interval, ""
        if trouble:
            raise Unavailable(
                f"whether somebody logged in to Flyte at {login.config.endpoint} could not be asked until the device code "
                f"expired: {trouble}",
                code="UNAVAILABLE",
            )
        raise Unauthenticated(
            f"nobody logged in to Flyte at {login.config.endpoint} within {patience:.0f} s, and the device code has expired; "
            "try again, or raise auth.device_timeout (admin.deviceFlowConfig.timeout)",
            code="UNAUTHENTICATED",
        )
