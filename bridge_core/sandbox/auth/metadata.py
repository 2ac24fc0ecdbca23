"""AuthMetadataService: where to log in and how (flyteadmin ``auth/authzserver/metadata_provider.go``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.service import auth_pb2

from .tokens import SCOPE

if TYPE_CHECKING:
    from .access import Auth

__all__ = ["TOKEN_PATH", "AuthMetadataHandlers", "server_metadata"]

TOKEN_PATH = "/oauth2/token"  # noqa: S105  # a path


def server_metadata(base_url: str) -> dict[str, Any]:
    """RFC 8414: what this authorization server can do."""
    return {
        "issuer": base_url,
        # The browser flow is not there; the field is required, and nobody who has client credentials follows it.
        "authorization_endpoint": f"{base_url}/oauth2/authorize",
        "token_endpoint": base_url + TOKEN_PATH,
        "response_types_supported": ["code"],
        "scopes_supported": [SCOPE],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "grant_types_supported": ["client_credentials"],
    }


class AuthMetadataHandlers:
    """Handlers by RPC name."""

    def __init__(self, auth: Auth, base_url: str) -> None:
        self._auth = auth
        self._base_url = base_url

    def GetOAuth2Metadata(self, _request: Any) -> Any:
        """The endpoints."""
        return auth_pb2.OAuth2MetadataResponse(**server_metadata(self._base_url))

    def GetPublicClientConfig(self, _request: Any) -> Any:
        """What a client sends, and under which key."""
        return auth_pb2.PublicClientAuthConfigResponse(
            client_id="flytectl",
            redirect_uri="http://localhost:53593/callback",
            scopes=[SCOPE],
            authorization_metadata_key=self._auth.header,
            service_http_endpoint=self._base_url,
        )
