"""The way to Flyte as gRPC goes it: straight, or through an HTTP proxy. For what opens connections of its own beside gRPC's.

gRPC speaks to proxies by CONNECT, and only to those whose URL begins with ``http://``. Without a setting it looks at
``grpc_proxy``, ``https_proxy`` and ``http_proxy``; ``no_grpc_proxy`` and ``no_proxy`` name whom it reaches straight (grpc,
doc/environment_variables.md).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..config.endpoint import host_and_port
from ..model.masking import HiddenUrl, host_of

if TYPE_CHECKING:
    import socket

    from ..config import Config

__all__ = ["connect", "grpc_proxy", "not_for_grpc"]

_PROXIES = ("grpc_proxy", "https_proxy", "http_proxy")
"""Variables in which gRPC looks for a proxy, in this order."""


def not_for_grpc(config: Config) -> str | None:
    """Why the configured proxy does not serve gRPC; None when it does, or when there is none."""
    proxy = config.auth.http_proxy_url
    if proxy is None or proxy.lower().startswith("http://"):
        return None
    return (
        f"auth.http_proxy_url ({host_of(proxy)}) serves logins only: gRPC takes proxies whose URL begins with http://, and this "
        f"one is {proxy.partition(':')[0]}"
    )


def grpc_proxy(config: Config) -> str | None:
    """URL of the proxy that gRPC goes through; None: straight."""
    configured = config.auth.http_proxy_url
    if configured is None and not any(os.environ.get(name) for name in _PROXIES):
        return None
    import urllib.request

    host, port = host_and_port(config.endpoint)
    straight = os.environ.get("no_grpc_proxy") or os.environ.get("no_proxy", "")  # noqa: SIM112  # gRPC's spelling
    proxies = {"no": straight}
    if urllib.request.proxy_bypass_environment(f"{host}:{port}", proxies):  # type: ignore[attr-defined]
        return None
    if configured and configured.lower().startswith("http://"):
        return configured
    found = next((os.environ[name] for name in _PROXIES if os.environ.get(name)), None)
    return HiddenUrl(found) if found and found.lower().startswith("http://") else None


def connect(config: Config, timeout: float) -> socket.socket:
    """A connection to Flyte's port, the way gRPC goes.

    Raises:
        OSError: It cannot be reached; for a proxy that refuses, in its words.
    """
    import socket

    host, port = host_and_port(config.endpoint)
    proxy = grpc_proxy(config)
    if proxy is None:
        return socket.create_connection((host, port), timeout)
    import base64
    import http.client
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(proxy)
    headers = {}
    if parts.username:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        headers["Proxy-Authorization"] = "Basic " + base64.b64encode(login).decode()
    tunnel = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=timeout)
    tunnel.set_tunnel(f"[{host}]" if ":" in host else host, port, headers=headers)
    try:
        tunnel.connect()
    except http.client.HTTPException as error:
        raise OSError(None, f"the proxy {host_of(proxy)} gave no answer to CONNECT ({type(error).__name__})") from None
    except OSError as error:
        raise OSError(error.errno, f"by the proxy {host_of(proxy)}: {error.strerror or error}") from None
    assert isinstance(tunnel.sock, socket.socket)
    return tunnel.sock
