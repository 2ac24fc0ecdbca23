"""What both transports open a gRPC channel with: target, TLS, options.

Options, each with its reason:

* keepalive 30 s / 10 s, also without calls: a black-holed connection is noticed while waiting (flytekit hung for hours on
  one, flytekit#3433).
* ping timeout 10 s: gRPC keeps one ping in flight, and its own bandwidth probe may be the one that never comes back; without
  this, keepalive waits 60 s behind it (grpc#14717; seen with grpcio 1.85).
* 20 MiB receive (`Config.max_message_bytes`): FlyteAdmin inlines up to 2 MiB of inputs and of outputs, lists are larger.
* local subchannel pool (blocking): a forked child must not share sockets with its parent; without it 11 of 30 children hung.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc

from ..model.errors import ConfigError

if TYPE_CHECKING:
    from ..config import Config

__all__ = ["channel_options", "credentials"]

_TLS_PORT = 443


def channel_options(config: Config) -> list[tuple[str, Any]]:
    """Our options with the user's laid over them (gRPC itself would take the first of two with one name)."""
    ours: tuple[tuple[str, Any], ...] = (
        ("grpc.max_receive_message_length", config.max_message_bytes),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.ping_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_retries", 0),  # calls.py decides what is sent again
        ("grpc.max_reconnect_backoff_ms", 5_000),
        *((("grpc.service_config", config.service_config),) if config.service_config else ()),
    )
    return list(dict([*ours, *config.grpc_options]).items())


def credentials(config: Config) -> grpc.ChannelCredentials | None:
    """TLS credentials, or None for a plaintext server. May fetch the server's certificate (`insecure_skip_verify`).

    Raises:
        ConfigError: A certificate or key file cannot be read.
    """
    if config.insecure:
        return None
    roots: bytes | None = None
    if config.ca_cert_file:
        roots = _read("ca_cert_file", config.ca_cert_file)
    elif config.insecure_skip_verify:
        import ssl

        host, _, port = config.endpoint.rpartition(":") if ":" in config.endpoint else (config.endpoint, "", "")
        try:
            roots = ssl.get_server_certificate((host, int(port or _TLS_PORT)), timeout=10).encode()
        except OSError as error:
            from ..model.errors import Unavailable

            raise Unavailable(
                f"cannot fetch the certificate of {config.endpoint}: {error}", code="UNAVAILABLE"
            ) from None
    chain = _read("client_cert_file", config.client_cert_file) if config.client_cert_file else None
    key = _read("client_key_file", config.client_key_file) if config.client_key_file else chain
    return grpc.ssl_channel_credentials(root_certificates=roots, private_key=key, certificate_chain=chain)


def _read(setting: str, path: str) -> bytes:
    try:
        return Path(path).expanduser().read_bytes()
    except OSError as error:
        raise ConfigError(f"{setting} {path} cannot be read: {error.strerror}") from None
