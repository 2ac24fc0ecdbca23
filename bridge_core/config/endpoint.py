"""What counts as an endpoint: the ways people write one, and why the others are refused. The one place that splits them."""

from __future__ import annotations

import re

from ..model.errors import ConfigError
from ..model.masking import url_shown

__all__ = ["clean_endpoint", "host_and_port"]

_LAST_PORT = 65535
_SPLIT = re.compile(r"(?:\[([^\]]*)\]|([^:\[\]]*))(?::([^:]*))?")
TLS_PORT = 443


def clean_endpoint(endpoint: object) -> str:
    """``host:port`` or ``host``, without ``dns:///`` and ``https://``; an IPv6 address in brackets.

    Raises:
        ConfigError: It cannot be read. A password in it is not shown.
    """
    if not isinstance(endpoint, str):
        raise ConfigError(f"endpoint must be a text like 'flyte.example.com:443', got {endpoint!r}")
    seen = url_shown(endpoint)
    text = endpoint.strip()
    if text.startswith("http://"):
        raise ConfigError(
            f"endpoint {seen!r}: Flyte speaks gRPC; write 'host:port' and insecure=True for a plaintext server"
        )
    text = text.removeprefix("dns:///").removeprefix("https://").rstrip("/")
    if "@" in text:
        raise ConfigError(
            f"endpoint {seen!r} holds a user, which gRPC does not send; credentials are settings of auth, and the endpoint is "
            "'host:port'"
        )
    found = _SPLIT.fullmatch(text)
    if not text or any(c.isspace() or c in "/?#" for c in text) or (found is None and text.count(":") < 2):  # noqa: PLR2004
        raise ConfigError(f"endpoint {seen!r} cannot be read; wanted 'host:port', for instance 'flyte.example.com:443'")
    if found is None:
        raise ConfigError(
            f"endpoint {seen!r} cannot be read: an IPv6 address stands in brackets, '[::1]' or '[::1]:443', else nobody can tell "
            "its end from a port"
        )
    address, host, port = found.groups()
    if address is not None and not _is_ipv6(address):
        raise ConfigError(f"endpoint {seen!r}: {address!r} is no IPv6 address, and only these stand in brackets")
    if not (address or host or port):
        raise ConfigError(f"endpoint {seen!r} cannot be read; wanted 'host:port', for instance 'flyte.example.com:443'")
    if port is not None and not (port.isascii() and port.isdigit() and 0 < int(port) <= _LAST_PORT):
        raise ConfigError(f"endpoint {seen!r}: port {port!r} is not a number from 1 to 65535")
    return text


def host_and_port(endpoint: str, default: int = TLS_PORT) -> tuple[str, int]:
    """Host (an IPv6 address without brackets) and port of a clean endpoint, as sockets want them."""
    found = _SPLIT.fullmatch(endpoint)
    assert found is not None, endpoint
    address, host, port = found.groups()
    return address or host or "localhost", int(port) if port else default


def _is_ipv6(text: str) -> bool:
    import ipaddress

    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
