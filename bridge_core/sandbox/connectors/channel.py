"""`ConnectorChannel`: a connection to one connector service, and how its calls go wrong. Either Flyte's calls go over one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc

from .fault import ConnectorFault

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ConnectorChannel"]

_TIMEOUT = 10.0  # seconds a call may take: plugins/webapi/connector/config.go, DefaultTimeout
_UNLIMITED = -1
_OPTIONS = (
    ("grpc.max_receive_message_length", _UNLIMITED),
    # A connector that comes back is tried again within a second, not after gRPC's two minutes.
    ("grpc.max_reconnect_backoff_ms", 1000),
)


class ConnectorChannel:
    """One endpoint. Calls block, and raise `ConnectorFault`.

    Args:
        endpoint: ``HOST:PORT``, without TLS: what FlytePropeller's default connector is.
    """

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._channel = grpc.insecure_channel(endpoint, options=_OPTIONS)

    def close(self) -> None:
        """Closes the connection; calls in progress fail."""
        self._channel.close()

    def _call(self, name: str, method: Callable[..., Any], request: Any) -> Any:
        try:
            return method(request, timeout=_TIMEOUT)
        except grpc.RpcError as error:
            code, details = error.code().name, error.details() or "no details"
            if code == "DEADLINE_EXCEEDED":
                details = f"no answer within {_TIMEOUT:g} s"
            raise ConnectorFault(code, f"connector {self._endpoint}: {name}: {code}: {details}") from None
        except ValueError as error:  # the channel was closed in between
            raise ConnectorFault("CANCELLED", f"connector {self._endpoint}: {name}: {error}") from None
