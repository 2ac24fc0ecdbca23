"""SecretService. Names are not checked; values are never told (``secret/service``)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from flyteidl2.secret import definition_pb2, payload_pb2

from ...model.status import Rejected

if TYPE_CHECKING:
    from ..store.secrets import Secrets
    from ..wire.call import Incoming

__all__ = ["SecretHandlers"]

_CLUSTER = "flyte-devbox"
_LIMIT = 100


class SecretHandlers:
    """One method per RPC."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def CreateSecret(self, request: Any, _call: Incoming) -> Any:
        """Adds a secret."""
        value = _value(request)
        scope = _scope(request.id)
        if not self._secrets.add(scope, request.id.name, value, request.secret_spec.type):
            name = hashlib.md5("/".join((*scope, request.id.name)).encode(), usedforsecurity=False).hexdigest()
            raise Rejected("ALREADY_EXISTS", f'secrets "{name}" already exists')
        return payload_pb2.CreateSecretResponse()

    def UpdateSecret(self, request: Any, _call: Incoming) -> Any:
        """Replaces a secret's value."""
        value = _value(request)
        if not self._secrets.update(_scope(request.id), request.id.name, value, request.secret_spec.type):
            raise _missing(request.id)
        return payload_pb2.UpdateSecretResponse()

    def GetSecret(self, request: Any, _call: Incoming) -> Any:
        """What there is of a secret, without its value."""
        row = self._secrets.find(_scope(request.id), request.id.name)
        if row is None:
            raise _missing(request.id)
        return payload_pb2.GetSecretResponse(secret=_secret(row))

    def DeleteSecret(self, request: Any, _call: Incoming) -> Any:
        """Removes a secret."""
        if not self._secrets.remove(_scope(request.id), request.id.name):
            raise _missing(request.id)
        return payload_pb2.DeleteSecretResponse()

    def ListSecrets(self, request: Any, _call: Incoming) -> Any:
        """A page of secrets, without their values."""
        if request.token and not request.token.isdecimal():
            raise Rejected("INVALID_ARGUMENT", f"invalid token: {request.token}")
        limit, offset = request.limit if request.limit > 0 else _LIMIT, int(request.token or 0)
        rows = self._secrets.page((request.project, request.domain), limit, offset)
        token = str(offset + limit) if len(rows) == limit else ""
        secrets = [_secret(row) for row in rows]
        for secret in secrets:
            secret.secret_metadata.ClearField("type")  # lists do not tell it
        return payload_pb2.ListSecretsResponse(secrets=secrets, token=token)


def _scope(identifier: Any) -> tuple[str, str]:
    if identifier.project and not identifier.domain:
        text = f'got project="{identifier.project}" domain=""'
        raise Rejected("INVALID_ARGUMENT", f"project-scoped secrets must also specify a domain, {text}")
    return identifier.project, identifier.domain


def _value(request: Any) -> bytes:
    kind = request.secret_spec.WhichOneof("value")
    if kind is None:
        raise Rejected("INVALID_ARGUMENT", "string or binary value expected, got <nil>")
    value = getattr(request.secret_spec, kind)
    return bytes(value) if kind == "binary_value" else str(value).encode()


def _missing(identifier: Any) -> Rejected:
    return Rejected("NOT_FOUND", f"secret {identifier.name} not found")


def _secret(row: Any) -> Any:
    secret = definition_pb2.Secret()
    secret.id.name, secret.id.project, secret.id.domain = row["name"], row["project"], row["domain"]
    secret.secret_metadata.type = row["type"]
    secret.secret_metadata.created_time.FromJsonString(row["created_at"])
    secret.secret_metadata.created_time.nanos = 0
    secret.secret_metadata.secret_status.overall_status = definition_pb2.FULLY_PRESENT
    cluster = secret.secret_metadata.secret_status.cluster_status.add(presence_status=definition_pb2.PRESENT)
    cluster.cluster.name = _CLUSTER
    return secret
