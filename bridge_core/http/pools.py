"""How connections to Flyte itself are pooled: httpcore, which httpx stands on, without httpx.

A call of Connect is a POST to one host. For what httpx adds (redirects, cookies, URLs to be joined, every encoding) it has no
use, and importing that is a sixth of what it takes to reach Flyte. Logins and transfers use httpx: see `clients.py`.
"""

from __future__ import annotations

import urllib.parse
from typing import TYPE_CHECKING, Any

from ..model.errors import ConfigError
from ..model.masking import HiddenBytes, url_shown
from .tls import show_client_certificate, tls_context

if TYPE_CHECKING:
    import ssl

    import httpcore

    from ..config import Config

__all__ = ["KEPT", "KEPT_FOR", "no_socks", "open_async_pool", "open_pool", "unusable"]

KEPT, KEPT_FOR = 32, 30.0
"""Connections that wait for their next call, and for how many seconds."""


def open_pool(config: Config, url: str, *, proxy: str | None) -> httpcore.ConnectionPool:
    """Connections to the Flyte at this URL, straight or through a proxy. The caller closes it.

    Args:
        config: TLS settings, read only where TLS is spoken: ``ca_cert_file`` replaces the system's authorities, and our
            certificate is shown.
        url: Where Flyte is.
        proxy: Its URL; user and password in it are sent to it.

    Raises:
        ConfigError: A certificate cannot be read, or the proxy's URL cannot be used.
    """
    pool: httpcore.ConnectionPool = _opened(config, url, proxy, on_loop=False)
    return pool


def open_async_pool(config: Config, url: str, *, proxy: str | None) -> httpcore.AsyncConnectionPool:
    """The same on an event loop. Its arguments and errors are those of `open_pool`."""
    pool: httpcore.AsyncConnectionPool = _opened(config, url, proxy, on_loop=True)
    return pool


def no_socks(proxy: str | None) -> ConfigError:
    """For a proxy that needs a package that is not there."""
    return ConfigError(f"the proxy {url_shown(proxy or '')} is SOCKS, which needs: pip install 'httpx[socks]'")


def unusable(proxy: str) -> ConfigError:
    """For a proxy whose URL is none."""
    return ConfigError(f"the proxy {url_shown(proxy)} cannot be used; wanted http://HOST:PORT (or https://, socks5://)")


def _opened(config: Config, url: str, proxy: str | None, *, on_loop: bool) -> Any:
    import httpcore

    tls = _tls(config) if any(one.lower().startswith("https:") for one in (url, proxy or "")) else None
    more: dict[str, Any] = {
        "ssl_context": tls,
        "max_connections": None,
        "max_keepalive_connections": KEPT,
        "keepalive_expiry": KEPT_FOR,
    }
    if proxy is None:
        return (httpcore.AsyncConnectionPool if on_loop else httpcore.ConnectionPool)(**more)
    scheme, place = _place(proxy)
    if scheme in ("socks5", "socks5h"):
        socks = httpcore.AsyncSOCKSProxy if on_loop else httpcore.SOCKSProxy
        try:
            return socks(proxy_url=place, proxy_auth=_login(proxy), **more)
        except RuntimeError:
            raise no_socks(proxy) from None
    from .tunnels import AsyncProxyPool, ProxyPool

    own = tls if scheme == "https" else None
    through = AsyncProxyPool if on_loop else ProxyPool
    return through(proxy_url=place, proxy_auth=_login(proxy), proxy_ssl_context=own, **more)


def _tls(config: Config) -> ssl.SSLContext:
    context = tls_context(config, replace=True)
    show_client_certificate(config, context)
    return context


def _place(proxy: str) -> tuple[str, str]:
    """Scheme, and the URL without user and password.

    Raises:
        ConfigError: It is none that could be used.
    """
    try:
        parts = urllib.parse.urlsplit(proxy)
        host, port, scheme = parts.hostname, parts.port, parts.scheme
        (host or "").encode("idna")  # as the socket will: a label may be too long
    except ValueError:
        host, port, scheme = None, None, ""
    if (
        not host
        or not host.isascii()
        or any(each.isspace() for each in host)
        or scheme not in ("http", "https", "socks5", "socks5h")
    ):
        raise unusable(proxy)
    named = f"[{host}]" if ":" in host else host
    return scheme, f"{scheme}://{named}" if port is None else f"{scheme}://{named}:{port}"


def _login(proxy: str) -> tuple[bytes, bytes] | None:
    parts = urllib.parse.urlsplit(proxy)
    if not (parts.username or parts.password):
        return None
    # httpcore writes those of SOCKS into its log
    return tuple(HiddenBytes(urllib.parse.unquote(part or "").encode()) for part in (parts.username, parts.password))  # type: ignore[return-value]
