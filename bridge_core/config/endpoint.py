"""What counts as an endpoint: the ways people write one, and why the others are refused."""

from __future__ import annotations

from ..model.errors import ConfigError

__all__ = ["clean_endpoint"]

_LAST_PORT = 65535


def clean_endpoint(endpoint: object) -> str:
    """``host:port`` or ``host``, without ``dns:///`` and ``https://``.

    Raises:
        ConfigError: It cannot be read.
    """
    if not isinstance(endpoint, str):
        raise ConfigError(f"endpoint must be a text like 'flyte.example.com:443', got {endpoint!r}")
    text = endpoint.strip()
    if text.startswith("http://"):
        raise ConfigError(
            f"endpoint {endpoint!r}: Flyte speaks gRPC; write 'host:port' and insecure=True for a plaintext server"
        )
    text = text.removeprefix("dns:///").removeprefix("https://").rstrip("/")
    host, _, port = text.rpartition(":") if ":" in text else (text, "", "")
    if not text or not (host or port) or any(c.isspace() or c in "/?#@" for c in text):
        raise ConfigError(
            f"endpoint {endpoint!r} cannot be read; wanted 'host:port', for instance 'flyte.example.com:443'"
        )
    if port and not text.startswith("[") and not (port.isdigit() and 0 < int(port) <= _LAST_PORT):
        raise ConfigError(f"endpoint {endpoint!r}: port {port!r} is not a number from 1 to 65535")
    return text
