"""When a token is sent, replaced, and given up on. How one is got is the other files' business.

* Nothing is sent before the server answers UNAUTHENTICATED, except a token that is there already (`Token` mode, a cache,
  `Config.metadata`): open clusters and the sandbox work untouched. UNKNOWN counts too when no token was sent, because
  proxies answer HTTP and gRPC calls that UNKNOWN.
* A token is replaced in the last quarter of its life, at a random moment, so that processes that began together do not
  refresh together; meanwhile the old one is served. A refresh that fails is tried again after a growing pause while the
  old token still works.
* One replacement at a time, whoever asks (`slot.py`).
"""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..config.auth import CLIENT_SECRET, DEVICE_FLOW, PASSTHROUGH, PKCE, TOKEN
from ..config.metadata import as_sent
from ..model.errors import BridgeError, Unavailable, Unsupported
from ..model.status import answered_by_proxy
from .passthrough import passing
from .shared_token import Slot
from .token import Token, sendable

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..config import Config
    from ..transport.base import Metadata, Method, Transport
    from .cache import TokenCache
    from .flow import Flow
    from .http import Http
    from .refusals import Refusals
    from .server import AuthServer

__all__ = ["Sent", "Tokens"]

log = logging.getLogger("bridge_core.auth")

_REFRESH_FRACTION = 0.75
"""Share of a token's remaining life after which it may be replaced …"""

_REFRESH_BAND = 0.15
"""… plus a random part of this share: a fan-out of workers that began together must not refresh in step."""

_LEAST_USE = 0.25
"""Share of its remaining life that a token serves in any case: a window longer than its life must not cost a login per call."""

_FIRST_COOLDOWN, _LONGEST_COOLDOWN = 1.0, 60.0
"""Seconds between attempts to replace a token that still works."""

_PROXY_HEADER = "proxy-authorization"


@dataclass(frozen=True, slots=True)
class Sent:
    """What one attempt carried."""

    metadata: Metadata = ()
    token: Token | None = None
    proxy: Token | None = None
    own: bool = False
    """The caller brought the credentials, and looks after them."""

    def __repr__(self) -> str:
        return f"Sent({', '.join(key for key, _ in self.metadata)})"


class Tokens:
    """The credentials of one client.

    Args:
        config: Says which mode, and wins over what the server names.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._slot = Slot(self._for_child)
        self._proxy = Slot(lambda token: token)
        self._flow: Flow | None = None
        self._server: AuthServer | None = None
        self._cache: TokenCache | None = None
        self._refresh_at: tuple[Token | None, float] = (None, 0.0)
        self._cooldown = _FIRST_COOLDOWN
        self._learned = False
        theirs = any("authorization" in key.lower() and key.lower() != _PROXY_HEADER for key, _ in config.metadata)
        self._own = config.auth.effective_mode == PASSTHROUGH or (config.auth.mode is None and theirs)

    @cached_property
    def _refusals(self) -> Refusals:
        from .refusals import Refusals

        return Refusals(self._config)

    @property
    def in_words(self) -> str:
        """What the last calls were authenticated with."""
        token = self._slot.token
        if self._own:
            return "authenticated by metadata of the caller"
        if token is None:
            return "no authentication asked for"
        header = token.header or self._header
        return f"authenticated by a token in {header!r} (auth mode {self._config.auth.effective_mode})"

    async def to_send(self, transport: Transport) -> Sent:
        """What the next attempt carries. Replaces a token first that is about to expire.

        Raises:
            BridgeError: There is no usable token, and none could be got.
        """
        passed = passing(transport)
        if self._config.auth.proxy_command and self._proxy.token is None:
            await self._proxy.replace(transport, None, _nothing, self._run_proxy_command)
        proxy = self._proxy.token
        metadata: Metadata = () if proxy is None else ((_PROXY_HEADER, f"Bearer {proxy.access}"),)
        if passed or self._own:
            return Sent((*metadata, *passed), proxy=proxy, own=True)
        if self._cache is None:
            await transport.run_io(self._begin)  # once per client
        await self._replace_if_due(transport)
        token = self._slot.token
        if token is not None:
            metadata = (*metadata, (token.header or self._header, f"Bearer {token.access}"))
        return Sent(metadata, token, proxy)

    def refused(self, error: BridgeError, sent: Sent, method: Method[Any, Any]) -> bool:
        """Whether the server wants other credentials than it got."""
        if error.code == "UNAUTHENTICATED":
            return not sent.own or sent.proxy is not None
        if error.code != "UNKNOWN" or not method.safe:
            return False
        if sent.proxy is not None:
            return answered_by_proxy(error)
        return sent.token is None and not sent.own

    async def renew(self, transport: Transport, sent: Sent, error: BridgeError, before: int) -> BridgeError | None:
        """Replaces what was refused, once for all who were.

        Args:
            transport: Asks.
            sent: What was refused.
            error: How.
            before: How often this call was sent again for that already.

        Returns:
            None: send the call again. Else the error that the caller should see.
        """
        try:
            if before and not (before == 1 and await self._learn(transport, sent)):
                by_proxy = sent.proxy is not None and answered_by_proxy(error)
                return self._refusals.refused_again(error, self._server, by_proxy=by_proxy)
            if before:
                return None
        except BridgeError as failure:
            return self._refusals.no_token(error, failure)
        by_proxy = answered_by_proxy(error) and sent.proxy is not None
        try:
            if sent.proxy is not None:
                await self._proxy.replace(transport, sent.proxy, _nothing, self._run_proxy_command)
            if not by_proxy and not sent.own:
                await self._replace(transport, sent.token)
        except BridgeError as failure:
            if error.code != "UNAUTHENTICATED" and (failure.transient or self._server is None):
                log.info("%s: not a matter of credentials, it seems: %s", error.rpc, failure)
                return error
            return self._refusals.no_token(error, failure)
        return None

    async def _learn(self, transport: Transport, sent: Sent) -> bool:
        """Asks Flyte where to log in, which was spared so far, after it refused a fresh token: whether that changes anything.

        It may want tokens under another metadata key than ours, or for another audience.
        """
        before = self._server
        if before is None or sent.token is None or not (before.assumed or self._learned):
            return False
        if not before.assumed or self._slot.token is not sent.token:
            return self._slot.token is not sent.token  # somebody else has learned it meanwhile
        self._server, self._learned, refused = await self._ask(transport, needed=False), True, sent.token
        now = self._server
        by_oauth = self._config.auth.effective_mode in {CLIENT_SECRET, DEVICE_FLOW}  # a program asks nobody we know
        if by_oauth and (now.audience, now.scopes) != (before.audience, before.scopes):
            await self._replace(transport, sent.token)
        elif now.header != before.header:
            await self._slot.replace(transport, sent.token, _nothing, lambda _pause: self._renamed(refused))
        return self._slot.token is not sent.token

    @property
    def _header(self) -> str:
        known = self._server.header if self._server else None
        return known or (self._config.auth.authorization_header or "authorization").lower()

    def _begin(self) -> None:
        """Looks for a token that is there already."""
        from .cache import open_cache

        cache = open_cache(self._config)
        if self._config.auth.effective_mode == TOKEN and self._config.auth.token:
            self._slot.put(Token(self._config.auth.token.reveal()))
        elif (found := cache.load()) is not None:
            self._slot.put(found)
        self._cache = cache

    def _for_child(self, token: Token) -> Token:
        return token if self._cache is not None and self._cache.shared else token.without_refresh()

    async def _replace_if_due(self, transport: Transport) -> None:
        token = self._slot.token
        if token is None or token.expires_at is None:
            return
        left = token.expires_at - time.time()
        if self._refresh_at[0] is not token:
            window = self._config.auth.refresh_window
            share = _REFRESH_FRACTION + _REFRESH_BAND * transport.chance()
            wait = left * share if window is None else left - window * (0.5 + transport.chance() / 2)
            self._refresh_at = (token, transport.now() + max(wait, left * _LEAST_USE))
        if transport.now() < self._refresh_at[1] and left > 0:
            return
        if self._slot.busy and left > 0:
            return  # somebody is at it, and the old one still works
        try:
            await self._replace(transport, token)
            self._cooldown = _FIRST_COOLDOWN
        except BridgeError as error:
            if left <= 0:
                raise self._refusals.expired(error) from None
            log.info("the token for %s could not be replaced before it expires: %s", self._config.endpoint, error)
            self._refresh_at = (token, transport.now() + self._cooldown)
            self._cooldown = min(self._cooldown * 2, _LONGEST_COOLDOWN)

    async def _replace(self, transport: Transport, stale: Token | None) -> None:
        async def prepare() -> None:
            if self._server is not None:
                return
            from .server import assumed_server

            self._server = assumed_server(self._config) or await self._ask(transport, needed=self._needs_server())

        def work(pause: Callable[[float], None]) -> Token:
            return self._obtain(transport, stale, pause)

        await self._slot.replace(transport, stale, prepare, work)

    async def _ask(self, transport: Transport, *, needed: bool) -> AuthServer:
        from .server import ask_server

        proxy = self._proxy.token
        metadata = () if proxy is None else ((_PROXY_HEADER, f"Bearer {proxy.access}"),)
        named = (("accept", "application/grpc"), ("x-request-id", os.urandom(16).hex()))
        server = await ask_server(
            transport, self._config, (*named, *as_sent(self._config.metadata), *metadata), needed=needed
        )
        if needed and not server.present:
            raise Unsupported(
                f"Flyte at {self._config.endpoint} offers no AuthMetadataService, so it cannot say where to log in; set "
                "auth.token_url (admin.tokenUrl), or the auth mode Token or ExternalCommand",
                code="UNIMPLEMENTED",
            )
        return server

    def _renamed(self, token: Token) -> Token:
        """The same token, under the metadata key that Flyte wants."""
        assert self._cache is not None
        token = replace(token, header=self._header)
        self._cache.store(token)
        return token

    def _needs_server(self) -> bool:
        auth = self._config.auth
        return auth.effective_mode in {PKCE, DEVICE_FLOW, CLIENT_SECRET} and not auth.token_url

    def _obtain(self, transport: Transport, stale: Token | None, pause: Callable[[float], None]) -> Token:
        from .flow import Login
        from .plugins import flow_for

        assert self._server is not None
        assert self._cache is not None
        if self._flow is None:
            self._flow = flow_for(self._config)
        with self._cache.locked(pause, self._config.auth.login_patience):
            previous = stale
            if self._cache.shared and (found := self._cache.load()) is not None:
                expired = found.expires_at is not None and found.expires_at <= time.time()
                if not expired and (stale is None or found.access != stale.access):
                    return replace(found, header=found.header or self._header)  # another process was faster
                previous = found
            login = Login(self._config, self._server, self._http(), pause, transport.now)
            token = replace(self._flow.obtain(login, previous), header=self._header)
            if not sendable(token.access):
                raise Unavailable(
                    f"what was got as a token for {self._config.endpoint} (auth mode {self._config.auth.effective_mode}) is "
                    "not one line of printable ASCII, and cannot be sent",
                    code="UNAVAILABLE",
                )
            self._cache.store(token)
        lifetime = "" if token.expires_at is None else f", good for {token.expires_at - time.time():.0f} s"
        log.info("got a token for %s (%s%s)", self._config.endpoint, self._config.auth.effective_mode, lifetime)
        return token

    def _http(self) -> Http:
        from .http import Http

        def proxy_token() -> str | None:
            token = self._proxy.token
            return None if token is None else f"Bearer {token.access}"

        return Http(self._config, proxy_token)

    def _run_proxy_command(self, _pause: Callable[[float], None]) -> Token:
        from .command import run_command

        return Token(run_command(self._config.auth.proxy_command, "auth.proxy_command"))


async def _nothing() -> None:
    """No question to ask first."""
