"""Why an endpoint cannot be reached, in plain words: name, port, TLS, certificate, step by step.

gRPC says "failed to connect to all addresses" for all of them. Used by ``flyte-bridge config check`` only: it opens
connections of its own.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..config.endpoint import host_and_port
from ..http.tls import show_client_certificate, tls_context
from ..model.errors import ConfigError, Unavailable
from ..model.masking import host_of
from .reaching import connect, grpc_proxy, not_for_grpc
from .unverified import served_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..config import Config

__all__ = ["Step", "diagnose"]

_EXPIRED, _SELF_SIGNED, _SELF_SIGNED_CHAIN, _NO_ISSUER, _WRONG_HOST = 10, 18, 19, 20, 62
"""OpenSSL's X509_V_ERR numbers (x509_vfy.h)."""

_SETTINGS = 1.0
"""Seconds in which an HTTP/2 server's first frame should come."""

_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)
"""An HTTP/2 client's preface and its empty SETTINGS frame (RFC 9113, 3.4)."""

_TYPE, _SETTINGS_FRAME = 3, 4
"""Where a frame's type is, and the type of the frame that an HTTP/2 server begins with."""

_NO_CLIENT_CERTIFICATE = (
    "the server ends the connection after the TLS handshake: it wants a client certificate; set client_cert_file and "
    "client_key_file (admin.clientCertFilePath, admin.clientKeyFilePath)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that was looked at."""

    name: str
    ok: bool
    text: str


def diagnose(config: Config, timeout: float) -> Iterator[Step]:
    """Looks at name, port (or proxy) and TLS in this order, and stops after the first that is wrong."""
    if (why := not_for_grpc(config)) is not None:
        yield Step(name="proxy", ok=True, text=why)
    host, port = host_and_port(config.endpoint)
    if (proxy := grpc_proxy(config)) is not None:
        step = _proxied(config, proxy, f"{host}:{port}", timeout)
        yield step
        if not step.ok:
            return
    else:
        for step in _straight(host, port, timeout):
            yield step
            if not step.ok:
                return
    yield _plaintext(config, host, timeout) if config.insecure else _tls(config, host, timeout)


def _straight(host: str, port: int, timeout: float) -> Iterator[Step]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        yield Step(
            name="name", ok=False, text=f"{host} cannot be resolved: {error.strerror}. Is the name spelled right?"
        )
        return
    addresses = sorted({str(item[4][0]) for item in found})
    yield Step(name="name", ok=True, text=f"{host} is {', '.join(addresses)}")
    try:
        with socket.create_connection((host, port), timeout):
            pass
    except TimeoutError:
        text = f"{host}:{port} does not answer within {timeout:g} s. A firewall, or a wrong address?"
        yield Step(name="port", ok=False, text=text)
        return
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        text = f"{host}:{port}: {reason}. Nothing listens there: is the port right, and is Flyte up?"
        yield Step(name="port", ok=False, text=text)
        return
    yield Step(name="port", ok=True, text=f"something listens on {host}:{port}")


def _proxied(config: Config, proxy: str, whom: str, timeout: float) -> Step:
    try:
        connect(config, timeout).close()
    except OSError as error:
        return Step(name="proxy", ok=False, text=f"{whom} cannot be reached {error.strerror or error}")
    return Step(name="proxy", ok=True, text=f"the proxy {host_of(proxy)} connects to {whom}")


def _plaintext(config: Config, host: str, timeout: float) -> Step:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with connect(config, timeout) as raw, context.wrap_socket(raw, server_hostname=host):
            pass
    except ssl.SSLError as error:
        if "CERTIFICATE_REQUIRED" not in (error.reason or ""):
            return _http2(config, timeout)
    except OSError:
        return _http2(config, timeout)
    text = (
        "the server speaks TLS, and insecure is true; set insecure to false (admin.insecure, FLYTE_PLATFORM_INSECURE)"
    )
    return Step(name="encryption", ok=False, text=text)


def _http2(config: Config, timeout: float) -> Step:
    """Greets as gRPC does: a server of pages or files answers something else, and gRPC's own error would not say so."""
    answer = b""
    with contextlib.suppress(OSError), connect(config, timeout) as raw:
        raw.settimeout(_SETTINGS)
        raw.sendall(_GREETING)
        answer = raw.recv(9)
    if len(answer) <= _TYPE or answer[_TYPE] == _SETTINGS_FRAME:
        return Step(name="encryption", ok=True, text="plaintext, as configured")
    text = (
        f"{config.endpoint} does not speak HTTP/2, which gRPC is: pages or files are served there. Wanted is FlyteAdmin's gRPC "
        "port (in sandboxes 30080)"
    )
    return Step(name="protocol", ok=False, text=text)


def _tls(config: Config, host: str, timeout: float) -> Step:
    try:
        if config.insecure_skip_verify:  # what the client does, which is not quite no check
            served_certificate(config, timeout=timeout)
        context = _context(config)
        with (
            connect(config, timeout) as raw,
            context.wrap_socket(raw, server_hostname=host) as tls,
        ):
            version = tls.version()
            tls.settimeout(_SETTINGS)
            # TLS 1.3 servers refuse a missing client certificate only after the handshake; HTTP/2 servers speak first.
            with contextlib.suppress(TimeoutError):
                if not tls.recv(1) and not config.client_cert_file:
                    return Step(name="encryption", ok=False, text=_NO_CLIENT_CERTIFICATE)
        how = (
            "the certificate is not checked (insecure_skip_verify)"
            if config.insecure_skip_verify
            else "the certificate is trusted"
        )
        return Step(name="encryption", ok=True, text=f"{version}, and {how}")
    except (ConfigError, Unavailable) as error:
        return Step(name="encryption", ok=False, text=str(error))
    except ssl.SSLCertVerificationError as error:
        return Step(name="encryption", ok=False, text=_certificate(error, host))
    except ssl.SSLError as error:
        return Step(name="encryption", ok=False, text=_mismatch(error))
    except OSError as error:
        text = (
            f"the server ended the TLS handshake ({type(error).__name__}). A plaintext server needs insecure: true "
            "(admin.insecure, FLYTE_PLATFORM_INSECURE)"
        )
        return Step(name="encryption", ok=False, text=text)


def _context(config: Config) -> ssl.SSLContext:
    context = tls_context(config, replace=True)
    show_client_certificate(config, context)
    context.set_alpn_protocols(["h2"])
    return context


def _certificate(error: ssl.SSLCertVerificationError, host: str) -> str:
    if error.verify_code == _WRONG_HOST:
        return f"the server's certificate is for another name than {host}: {error.verify_message}"
    if error.verify_code == _EXPIRED:
        return "the server's certificate has expired; whoever runs this Flyte must renew it"
    if error.verify_code in {_SELF_SIGNED, _SELF_SIGNED_CHAIN, _NO_ISSUER}:
        return (
            "the server's certificate is signed by an authority this machine does not know; set ca_cert_file "
            "(admin.caCertFilePath, FLYTE_PLATFORM_CA_CERT_FILE_PATH) to that authority's PEM file"
        )
    return f"the server's certificate is not trusted: {error.verify_message}"


def _mismatch(error: ssl.SSLError) -> str:
    reason = error.reason or ""
    if "CERTIFICATE_REQUIRED" in reason or "HANDSHAKE_FAILURE" in reason:
        return _NO_CLIENT_CERTIFICATE
    if "WRONG_VERSION" in reason or "UNKNOWN_PROTOCOL" in reason or "RECORD_LAYER" in reason or "EOF" in reason:
        return (
            "the server speaks plaintext, and insecure is false; set insecure to true (admin.insecure, "
            "FLYTE_PLATFORM_INSECURE)"
        )
    return f"the TLS handshake failed: {reason.replace('_', ' ').lower() or type(error).__name__}"
