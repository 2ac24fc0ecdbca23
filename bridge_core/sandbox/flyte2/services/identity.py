"""Who calls: IdentityService, AuthMetadataService, and what is written down of callers.

As in the backend nothing is verified: a proxy in front is trusted to have done that (``TrustForwardedIdentityHeaders``).
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from flyteidl2.auth import auth_service_pb2, identity_pb2
from flyteidl2.common import identity_pb2 as common_identity_pb2

from ...auth.metadata import server_metadata
from ...auth.tokens import SCOPE
from ...model.status import Rejected

if TYPE_CHECKING:
    from ...auth.access import Auth
    from ..wire.call import Incoming

__all__ = ["AuthMetadataHandlers", "Identities", "IdentityHandlers"]

_JWT_PARTS = 3
_CLAIMS = {"sub": "subject", "name": "name", "preferred_username": "preferred_username", "given_name": "given_name"}
_CLAIMS |= {"family_name": "family_name", "email": "email", "picture": "picture"}


class Identities:
    """Reads who calls from the headers."""

    def claims(self, call: Incoming) -> dict[str, Any]:
        """What the caller says to be; empty when it says nothing."""
        header = call.headers.get("authorization", "")
        kind, _, bearer = header.partition(" ")
        tokens = [bearer if kind.lower() == "bearer" else "", call.headers.get("x-amzn-oidc-data", "")]
        for token in filter(None, tokens):
            found = _payload(token)
            if found:
                return found
        subject = call.headers.get("x-amzn-oidc-identity", "")
        return {"sub": subject} if subject else {}

    def of(self, call: Incoming) -> Any | None:
        """The caller as records show it, or None."""
        claims = self.claims(call)
        if not claims.get("sub"):
            return None
        identity = common_identity_pb2.EnrichedIdentity()
        identity.user.id.subject = str(claims["sub"])
        for claim, name in (("given_name", "first_name"), ("family_name", "last_name"), ("email", "email")):
            if claims.get(claim):
                setattr(identity.user.spec, name, str(claims[claim]))
        return identity


class IdentityHandlers:
    """One method per RPC."""

    def __init__(self, identities: Identities) -> None:
        self._identities = identities

    def UserInfo(self, _request: Any, call: Incoming) -> Any:
        """Who the caller is."""
        claims = self._identities.claims(call)
        if not claims.get("sub"):
            text = "no authenticated identity on request (missing or untrusted identity headers)"
            raise Rejected("UNAUTHENTICATED", text)
        given = {field: str(claims[claim]) for claim, field in _CLAIMS.items() if claims.get(claim)}
        return identity_pb2.UserInfoResponse(**given)


class AuthMetadataHandlers:
    """How to log in: with client credentials at Flyte 1's token endpoint where tokens are asked for, else not at all.

    Args:
        auth: The login, or None.
        token_server: Where the token endpoint is, ``http://HOST:PORT``.
    """

    def __init__(self, auth: Auth | None, token_server: str) -> None:
        self._auth = auth
        self._token_server = token_server

    def GetPublicClientConfig(self, _request: Any, call: Incoming) -> Any:
        """Answered always."""
        response = auth_service_pb2.GetPublicClientConfigResponse(
            authorization_metadata_key="authorization", dataplane_domain=call.base_url
        )
        if self._auth is not None:
            response.client_id, response.redirect_uri = "flytectl", "http://localhost:53593/callback"
            response.scopes.append(SCOPE)
            response.authorization_metadata_key = self._auth.header
        return response

    def GetOAuth2Metadata(self, _request: Any, _call: Incoming) -> Any:
        """The endpoints; nothing is configured where nobody has to log in."""
        if self._auth is not None:
            return auth_service_pb2.GetOAuth2MetadataResponse(**server_metadata(self._token_server))
        text = "oauth2 metadata is not configured; set runs.authMetadata.externalAuthServerBaseUrl"
        raise Rejected("UNIMPLEMENTED", text)


def _payload(token: str) -> dict[str, Any]:
    """The claims of a JWT, unverified; empty when it is none."""
    parts = token.split(".")
    if len(parts) != _JWT_PARTS:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}
