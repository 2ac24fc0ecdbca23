"""The TLS context of everything that is not gRPC: the system's certificates, a private authority, or no check at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..model.errors import ConfigError

if TYPE_CHECKING:
    import ssl

    from ..config import Config

__all__ = ["show_client_certificate", "tls_context"]


def tls_context(config: Config, *, replace: bool = False) -> ssl.SSLContext:
    """What ``insecure_skip_verify`` and ``ca_cert_file`` say.

    Args:
        config: The settings.
        replace: True for Flyte itself, where ``ca_cert_file`` replaces the system's authorities; elsewhere it is added to them.

    Raises:
        ConfigError: A file cannot be read, or is no certificate.
    """
    import ssl

    skip = config.insecure_skip_verify
    ca = None if skip or not config.ca_cert_file else str(Path(config.ca_cert_file).expanduser())
    try:
        context = ssl.create_default_context(cafile=ca if replace else None)
        if ca and not replace:
            context.load_verify_locations(ca)
    except OSError as error:
        raise ConfigError(f"ca_cert_file {config.ca_cert_file} cannot be read: {_reason(error)}") from None
    if skip:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def show_client_certificate(config: Config, context: ssl.SSLContext) -> None:
    """Ours is shown to servers that ask for one.

    Raises:
        ConfigError: It or its key cannot be read.
    """
    if not config.client_cert_file:
        return
    chain = Path(config.client_cert_file).expanduser()
    key = Path(config.client_key_file).expanduser() if config.client_key_file else None
    try:
        context.load_cert_chain(chain, key)
    except OSError as error:
        raise ConfigError(
            f"client_cert_file {config.client_cert_file} or its key cannot be used: {_reason(error)}"
        ) from None


def _reason(error: OSError) -> str:
    """OpenSSL's errors are OSErrors too, and speak of BIO and ASN.1."""
    import ssl

    return "not a PEM certificate" if isinstance(error, ssl.SSLError) else error.strerror or "not a PEM certificate"
