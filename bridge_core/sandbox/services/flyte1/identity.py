"""IdentityService: there is one user, whoever started the sandbox."""

from __future__ import annotations

from typing import Any

from flyteidl.service import identity_pb2

__all__ = ["IdentityHandlers"]


class IdentityHandlers:
    """Handlers by RPC name."""

    def UserInfo(self, _request: Any) -> Any:
        """Who is asking."""
        return identity_pb2.UserInfoResponse(subject="sandbox", name="Sandbox user")
