"""The gRPC server of a connector service: which services are on it, its limits, its port."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

from ...model.errors import ConfigError
from . import names
from .health import Health
from .serving import Later

if TYPE_CHECKING:
    from ..dispatcher import Dispatcher
    from ..tls import ServerTls

__all__ = ["opened"]

_PENDING = 50_000
_MESSAGES = {"flyteidl.service": "flyteidl.service.agent_pb2", "flyteidl2.connector": "flyteidl2.connector.service_pb2"}
"""Package of services -> the module that describes them."""


def opened(
    dispatcher: Dispatcher,
    address: tuple[str, int],
    *,
    tls: ServerTls | None,
    max_message_bytes: int,
    flyte2: bool,
    reflection: bool,
) -> tuple[Any, Health, int]:
    """The server, not started yet, its health, and its port.

    Args:
        dispatcher: Answers.
        address: Host and port; port 0 for a free one.
        tls: None for plaintext.
        max_message_bytes: Larger requests are refused.
        flyte2: Whether Flyte 2's services are on it.
        reflection: Whether it tells tools what is on it.

    Raises:
        ConfigError: A port that is taken, a file that cannot be read, a package that is not there.
    """
    server = grpc.aio.server(
        options=(
            ("grpc.max_receive_message_length", max_message_bytes),
            ("grpc.max_send_message_length", -1),
            # By default gRPC cancels some of more than 1000 calls that came at once (grpc/grpc src/core/server/server.cc).
            ("grpc.server.max_pending_requests", _PENDING),
            ("grpc.server.max_pending_requests_hard_limit", 2 * _PENDING),
            ("grpc.so_reuseport", 0),  # a second server would silently share the port
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_ping_interval_without_data_ms", 5000),
        )
    )
    server.add_generic_rpc_handlers((Later("flyteidl.", lambda: _flyte1(dispatcher)),))
    services = list(names.FLYTE1)
    if flyte2:
        server.add_generic_rpc_handlers((Later("flyteidl2.", lambda: _flyte2(dispatcher)),))
        services += names.FLYTE2
    health = Health(services)
    server.add_generic_rpc_handlers((health.handler(),))
    if reflection:
        _reflect(server, services)
    return server, health, _bind(server, address, tls)


def _bind(server: Any, address: tuple[str, int], tls: ServerTls | None) -> int:
    host, port = address
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        if tls is None:
            return int(server.add_insecure_port(where))
        client_ca = _read(tls.client_ca) if tls.client_ca else None
        credentials = grpc.ssl_server_credentials(
            [(_read(tls.key), _read(tls.certificate))],
            root_certificates=client_ca,
            require_client_auth=client_ca is not None,
        )
        return int(server.add_secure_port(where, credentials))
    except RuntimeError:
        raise ConfigError(
            f"connector server: {where} cannot be opened: another process has it, or the certificate and key do not fit; "
            "give another port (0 for a free one)"
        ) from None


def _reflect(server: Any, services: list[str]) -> None:
    """Has the server tell what it serves, for which all messages are imported now."""
    try:
        from grpc_reflection.v1alpha import reflection
    except ImportError:
        raise ConfigError(
            "connector server: reflection needs a package that is not installed: pip install grpcio-reflection"
        ) from None
    for module in sorted({name.rpartition(".")[0] for name in services}):
        importlib.import_module(_MESSAGES[module])
    reflection.enable_server_reflection((*services, reflection.SERVICE_NAME), server)


def _flyte1(dispatcher: Dispatcher) -> dict[str, Any]:
    from . import flyte1

    return flyte1.handlers(dispatcher)


def _flyte2(dispatcher: Dispatcher) -> dict[str, Any]:
    from . import flyte2

    return flyte2.handlers(dispatcher)


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"connector server: {path} cannot be read: {error.strerror}") from None
