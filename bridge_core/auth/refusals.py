"""What a caller is told when there is no token, or when Flyte wants none of ours: which mode, from where, and the way out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..config.auth import TOKEN
from ..model.errors import BridgeError, ConfigError, Unauthenticated, Unavailable

if TYPE_CHECKING:
    from ..config import Config
    from .server import AuthServer

__all__ = ["Refusals"]


class Refusals:
    """Words for one configuration."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def no_token(self, asked: BridgeError, failure: BridgeError) -> BridgeError:
        """Why a call that Flyte refused could not be sent again.

        Could not ask stays could not ask, so that whoever waits goes on; a configuration that cannot be right stays that; a
        refusal of the provider is told apart from one of Flyte by its missing ``code``.
        """
        if failure.transient:
            return failure
        text = self._told(asked, f"No token was got: {failure.message}")
        if isinstance(failure, ConfigError):
            return ConfigError(text, **failure.data)
        code = None if isinstance(failure, Unauthenticated) and failure.code is None else asked.code
        return Unauthenticated(
            text,
            code=code,
            rpc=asked.rpc,
            request_id=asked.request_id,
            details=asked.details if code else failure.details,
        )

    def refused_again(self, asked: BridgeError, server: AuthServer | None, *, by_proxy: bool) -> BridgeError:
        """A call was refused with a fresh token, too; perhaps by the proxy that its own token is for."""
        if by_proxy:
            program = self._config.auth.proxy_command[0]
            return Unavailable(
                f"{asked.rpc} did not reach Flyte at {self._config.endpoint}: the proxy before it refused a fresh token of "
                f"auth.proxy_command ({program}), too: {asked.details}",
                code=asked.code,
                rpc=asked.rpc,
                request_id=asked.request_id,
                details=asked.details,
            )
        return Unauthenticated(
            self._told(asked, f"A fresh token was refused too; {self._way_out(server)}"),
            code=asked.code,
            rpc=asked.rpc,
            request_id=asked.request_id,
            details=asked.details,
        )

    def expired(self, failure: BridgeError) -> BridgeError:
        """The old token has expired, and there is no new one."""
        if failure.transient or isinstance(failure, ConfigError):
            return failure
        return Unauthenticated(
            f"the token for Flyte at {self._config.endpoint} has expired, and there is no new one (auth mode "
            f"{self._config.auth.effective_mode} from {self._config.origin('auth.mode')}): {failure.message}",
            code=failure.code,
        )

    def _told(self, asked: BridgeError, why: str) -> str:
        mode, origin = self._config.auth.effective_mode, self._config.origin("auth.mode")
        answer = f"{asked.rpc} at {self._config.endpoint} answered {asked.code}: {asked.details}."
        return f"{answer} Auth mode {mode} (from {origin}). {why}"

    def _way_out(self, server: AuthServer | None) -> str:
        auth = self._config.auth
        if auth.effective_mode == TOKEN:
            return "put a valid one where auth.token points to, or choose another auth mode."
        scopes = " ".join((server.scopes if server else ()) or auth.scopes) or "none"
        return (
            f"so this Flyte does not accept tokens for client {auth.client_id or 'of the server'!r} with scopes {scopes!r} and "
            f"audience {(server.audience if server else None) or auth.audience or 'none'!r}. Compare them with "
            "FlyteAdmin's allowed audience and required scope 'all'."
        )
