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

import logging
from typing import TYPE_CHECKING, Any

from ..config.endpoint import host_and_port
from ..model.errors import ConfigError

if TYPE_CHECKING:
    import grpc

    from ..config import Config

__all__ = ["channel_options", "opened_with", "whom"]

log = logging.getLogger("bridge_core")


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
        *_proxy(config),
    )
    return list(dict([*ours, *config.grpc_options]).items())


def opened_with(
    config: Config, tls: grpc.ChannelCredentials | None = None
) -> tuple[grpc.ChannelCredentials | None, list[tuple[str, Any]]]:
    """TLS credentials (None for a plaintext server) and options of a channel. May ask the server for its certificate.

    Args:
        config: The settings.
        tls: Credentials that the caller brings.

    Raises:
        ConfigError: A certificate or key file cannot be read, or gRPC cannot skip the check of this certificate.
        Unavailable: The certificate to be trusted unseen cannot be fetched.
    """
    options = channel_options(config)
    if tls is not None or config.insecure:
        return tls, options
    import grpc

    roots: bytes | None = None
    if config.insecure_skip_verify:
        from .unverified import served_certificate

        served = served_certificate(config)
        roots = served.pem
        # Else the name in the certificate would become the :authority, by which ingresses route. gRPC lets a call through
        # whose authority is exactly the host of the target: so without its port, and an IPv6 address cannot be one.
        host, _ = host_and_port(config.endpoint)
        named = {
            "grpc.ssl_target_name_override": served.name,
            **({} if ":" in host else {"grpc.default_authority": host}),
        }
        options = list({**named, **dict(options)}.items())
    elif config.ca_cert_file:
        roots = _read("ca_cert_file", config.ca_cert_file)
    chain = _read("client_cert_file", config.client_cert_file) if config.client_cert_file else None
    key = _read("client_key_file", config.client_key_file) if config.client_key_file else chain
    return grpc.ssl_channel_credentials(root_certificates=roots, private_key=key, certificate_chain=chain), options


def whom(config: Config) -> str:
    """Whom calls go to, for messages: with the proxy in between, because it may be at fault."""
    from ..model.masking import host_of
    from .reaching import grpc_proxy

    proxy = grpc_proxy(config)
    return config.endpoint if proxy is None else f"{config.endpoint} through the proxy {host_of(proxy)}"


def _proxy(config: Config) -> tuple[tuple[str, str], ...]:
    """The configured proxy, where gRPC can use it; else gRPC looks at the environment itself."""
    proxy = config.auth.http_proxy_url
    if proxy is None:
        return ()
    from .reaching import not_for_grpc

    if (why := not_for_grpc(config)) is not None:
        log.warning("%s", why)
        return ()
    return (("grpc.http_proxy", str(proxy)),)


def _read(setting: str, path: str) -> bytes:
    try:
        from pathlib import Path

        return Path(path).expanduser().read_bytes()
    except OSError as error:
        raise ConfigError(f"{setting} {path} cannot be read: {error.strerror}") from None
