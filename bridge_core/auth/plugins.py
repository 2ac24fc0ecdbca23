"""From the name of a mode to its flow: ours, or an entry point of group ``flyte_bridge.auth`` (``factory(config) -> Flow``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..config.auth import CLIENT_SECRET, DEVICE_FLOW, EXTERNAL_COMMAND, MODES, PKCE, TOKEN
from ..model.errors import BridgeError, ConfigError, Unavailable
from .token import Token

if TYPE_CHECKING:
    from ..config import Config
    from .flow import Flow, Login

__all__ = ["GROUP", "flow_for"]

GROUP = "flyte_bridge.auth"


def flow_for(config: Config) -> Flow:
    """The flow of the mode that counts.

    Raises:
        ConfigError: No flow has that name.
    """
    mode = config.auth.effective_mode
    if mode == PKCE:
        from .pkce import Pkce

        return Pkce()
    if mode == CLIENT_SECRET:
        from .client_credentials import ClientCredentials

        return ClientCredentials()
    if mode == DEVICE_FLOW:
        from .device import DeviceFlow

        return DeviceFlow()
    if mode == EXTERNAL_COMMAND:
        from .command import ExternalCommand

        return ExternalCommand()
    if mode == TOKEN:
        from .static import StaticToken

        return StaticToken()
    return _Plugin(mode, config)


class _Plugin:
    """A flow of somebody else's, whose errors become ours."""

    def __init__(self, mode: str, config: Config) -> None:
        from importlib.metadata import entry_points

        points = {point.name.lower(): point for point in entry_points(group=GROUP)}
        point = points.get(mode.lower())
        if point is None:
            known = sorted({*MODES.values(), *(other.name for other in points.values())})
            raise ConfigError(
                f"unknown auth mode {mode!r} (from {config.origin('auth.mode')}): neither one of ours nor an installed plugin of "
                f"entry-point group {GROUP!r}. Known here: {', '.join(known)}."
            )
        self._mode = mode
        try:
            self._flow: Flow = point.load()(config)
        except Exception as error:
            raise ConfigError(f"the auth plugin {mode!r} ({point.value}) cannot be loaded: {error!r}") from error

    def obtain(self, login: Login, previous: Token | None) -> Token:
        """What the plugin says. See `Flow.obtain`."""
        try:
            token: object = self._flow.obtain(login, previous)
        except BridgeError:
            raise
        except Exception as error:
            raise Unavailable(  # one that was refused says so: Unauthenticated
                f"the auth plugin {self._mode!r} failed with {type(error).__name__}", code="UNAVAILABLE"
            ) from error
        if isinstance(token, str) and token:
            return Token(token)
        if isinstance(token, Token):
            return token
        raise ConfigError(f"the auth plugin {self._mode!r} must return a Token or a text, got {type(token).__name__}")
