"""What Flyte says about logging in: two anonymous calls of AuthMetadataService (flyteidl service/auth.proto).

Flyte 2 has the same service under another name, with messages that have the same fields under the same numbers
(flyteidl2 auth/auth_service.proto), so one set of stubs reads both. Where it is not known which Flyte is there, the one is
asked when the other is not served.

``authorization_metadata_key`` names the metadata key of the token; installations behind a mesh use another one than
``authorization``. What the configuration says wins.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..config.auth import CLIENT_SECRET, DEVICE_FLOW, EXTERNAL_COMMAND, TOKEN
from ..model.errors import AuthError, BridgeError, Unsupported
from ..model.status import answered_by_proxy
from ..transport.base import Method

if TYPE_CHECKING:
    from ..config import Config
    from ..transport.base import Metadata, Transport

__all__ = ["AuthServer", "ask_server", "assumed_server"]

_TIMEOUT = 15.0
_SERVICES = {1: "/flyteidl.service.AuthMetadataService", 2: "/flyteidl2.auth.AuthMetadataService"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthServer:
    """Where and as whom to log in."""

    present: bool = True
    """False: this Flyte offers no AuthMetadataService, which one with authentication does."""

    assumed: bool = False
    """True: nobody was asked, because the configuration says it all."""

    header: str | None = None
    client_id: str | None = None
    redirect_uri: str | None = None
    scopes: tuple[str, ...] = ()
    audience: str | None = None
    token_url: str | None = None
    authorization_url: str | None = None
    device_authorization_url: str | None = None


async def ask_server(transport: Transport, config: Config, metadata: Metadata, *, needed: bool) -> AuthServer:
    """Asks Flyte, then applies what the configuration says.

    Args:
        transport: Asks.
        config: Wins over the answers.
        metadata: Sent along: a proxy may want its own token even for anonymous calls.
        needed: Whether there is no going on without answers. If not, a proxy that lets nobody in unknown does no harm.

    Raises:
        BridgeError: Flyte could not be asked.
    """
    version = config.flyte_version
    services = [_SERVICES[version]] if isinstance(version, int) else list(_SERVICES.values())
    for service in services:
        try:
            client, urls = await _answers(transport, service, metadata)
            break
        except BridgeError as error:
            if service != services[-1] and (isinstance(error, Unsupported) or answered_by_proxy(error)):
                continue
            harmless = isinstance(error, (Unsupported, AuthError)) or answered_by_proxy(error)
            if not harmless or (needed and not isinstance(error, Unsupported)):
                raise
            return _configured(AuthServer(present=False), config)
    server = AuthServer(
        header=client.authorization_metadata_key or None,
        client_id=client.client_id or None,
        redirect_uri=client.redirect_uri or None,
        scopes=tuple(client.scopes),
        audience=client.audience or None,
        token_url=urls.token_endpoint or None,
        authorization_url=urls.authorization_endpoint or None,
        device_authorization_url=urls.device_authorization_endpoint or None,
    )
    return _configured(server, config)


async def _answers(transport: Transport, service: str, metadata: Metadata) -> tuple[Any, Any]:
    from flyteidl.service import auth_pb2

    public = Method(
        f"{service}/GetPublicClientConfig",
        auth_pb2.PublicClientAuthConfigRequest.SerializeToString,
        auth_pb2.PublicClientAuthConfigResponse.FromString,
        safe=True,
    )
    oauth = Method(
        f"{service}/GetOAuth2Metadata",
        auth_pb2.OAuth2MetadataRequest.SerializeToString,
        auth_pb2.OAuth2MetadataResponse.FromString,
        safe=True,
    )
    client = await transport.unary(
        public, auth_pb2.PublicClientAuthConfigRequest(), timeout=_TIMEOUT, metadata=metadata
    )
    urls = await transport.unary(oauth, auth_pb2.OAuth2MetadataRequest(), timeout=_TIMEOUT, metadata=metadata)
    return client, urls


def assumed_server(config: Config) -> AuthServer | None:
    """What Flyte would say, as far as the configuration knows; None when too little is known to do without asking.

    Thousands of short-lived task processes log in: each question that need not be asked counts.
    """
    auth = config.auth
    mode, header = auth.effective_mode, auth.authorization_header
    if auth.use_audience_from_admin:
        return None
    enough = bool(auth.token_url and (auth.client_id or auth.client_assertion) and auth.scopes)
    known = {
        CLIENT_SECRET: enough,
        DEVICE_FLOW: enough and bool(auth.client_id and auth.device_authorization_url),
        EXTERNAL_COMMAND: bool(header),
        TOKEN: bool(header),
    }
    return _configured(AuthServer(assumed=True), config) if known.get(mode, False) else None


def _configured(server: AuthServer, config: Config) -> AuthServer:
    auth = config.auth
    audience = auth.audience or (server.audience if auth.use_audience_from_admin is not False else None)
    if auth.use_audience_from_admin:
        audience = server.audience or auth.audience
    return replace(
        server,
        header=(auth.authorization_header or server.header or "authorization").lower(),
        scopes=auth.scopes or server.scopes,
        audience=audience,
        token_url=auth.token_url or server.token_url,
        authorization_url=auth.authorization_url or server.authorization_url,
        device_authorization_url=auth.device_authorization_url or server.device_authorization_url,
    )
