"""``insecure_skip_verify``: what gRPC must be told so that it takes whatever certificate the server shows.

gRPC for Python cannot leave the check out. So the certificate is fetched first, without a check, and then trusted as it is,
under a name that it carries itself. What remains is what gRPC checks of a certificate that it trusts: its dates.
"""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..config.endpoint import host_and_port
from ..http.tls import show_client_certificate
from ..model.errors import ConfigError, Unavailable
from .reaching import connect

if TYPE_CHECKING:
    from ..config import Config

__all__ = ["Served", "served_certificate"]

_TIMEOUT = 10.0
_EXPIRED = 10
"""X509_V_ERR_CERT_HAS_EXPIRED (OpenSSL's x509_vfy.h)."""
_NOT_YET = 9


@dataclass(frozen=True, slots=True)
class Served:
    """A server's certificate."""

    pem: bytes
    name: str
    """A host name that it is for."""


def served_certificate(config: Config, *, timeout: float = _TIMEOUT) -> Served:
    """The certificate that the server shows now; asked twice, because Python reads only what it has checked.

    Raises:
        Unavailable: The server cannot be reached, or speaks no TLS.
        ConfigError: gRPC will not take it, whatever it is told: it has expired, or carries no name.
    """
    try:
        der = _shake(config, None, timeout)
        assert isinstance(der, bytes)
        pem = ssl.DER_cert_to_PEM_cert(der)
        told = _shake(config, pem, timeout)
    except ssl.SSLCertVerificationError as error:
        if error.verify_code in (_EXPIRED, _NOT_YET):
            raise ConfigError(
                f"the certificate of {config.endpoint} is out of its dates ({error.verify_message}), which gRPC checks even with "
                "insecure_skip_verify; whoever runs this Flyte must renew it"
            ) from None
        raise ConfigError(f"the certificate of {config.endpoint} cannot be trusted: {error.verify_message}") from None
    except OSError as error:
        raise Unavailable(
            f"cannot fetch the certificate of {config.endpoint}: {error.strerror or type(error).__name__}",
            code="UNAVAILABLE",
        ) from None
    assert isinstance(told, dict)
    if (name := _name_of(told)) is None:
        raise ConfigError(
            f"the certificate of {config.endpoint} carries no host name and no address, and gRPC takes none without, even with "
            "insecure_skip_verify"
        )
    return Served(pem.encode(), name)


def _shake(config: Config, trusted: str | None, timeout: float) -> object:
    """A handshake: the raw certificate, or what Python reads in one that is trusted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    if trusted is None:
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_verify_locations(cadata=trusted)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    show_client_certificate(config, context)
    context.set_alpn_protocols(["h2"])
    with (
        connect(config, timeout) as raw,
        context.wrap_socket(raw, server_hostname=host_and_port(config.endpoint)[0]) as tls,
    ):
        return tls.getpeercert(binary_form=trusted is None)


def _name_of(certificate: dict[str, object]) -> str | None:
    """The first host name or address it is for; an asterisk becomes a name that it stands for."""
    names = certificate.get("subjectAltName") or ()
    assert isinstance(names, tuple)
    for kind, value in names:
        if kind == "DNS":
            return str(value).replace("*", "any")
    for kind, value in names:
        if kind == "IP Address":
            return str(ipaddress.ip_address(str(value).strip()))  # gRPC compares texts, and Python's is spelled out
    subject = certificate.get("subject") or ()
    assert isinstance(subject, tuple)
    for group in subject:
        for key, value in group:
            if key == "commonName":
                return str(value).replace("*", "any")
    return None
