"""How httpx clients are opened here: our TLS, our proxies, no redirects, nothing of the environment but proxies.

A redirected request would hand its secret (a form, a signature) to whoever the redirect names. Clients are blocking: a login
and a transfer are worked off in threads of the transport, so that a caller that is cancelled loses neither.
"""

from __future__ import annotations

import sys
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any

from ..model.errors import ConfigError
from ..model.masking import Hidden, HiddenUrl, url_shown
from .tls import show_client_certificate, tls_context

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from ..config import Config

__all__ = ["load_httpx", "open_async_client", "open_client", "proxy_of"]


def load_httpx() -> None:
    """Imports httpx without its command line, which it imports where click and rich are installed: a third of its cost.

    It does without them where they are not, in its own words (``httpx.main`` says so). Delete when httpx imports it on use.
    """
    if "httpx" in sys.modules:
        return
    sys.modules["httpx._main"] = None  # type: ignore[assignment]  # importing it is an ImportError now, which httpx expects
    try:
        import httpx  # noqa: F401
    finally:
        sys.modules.pop("httpx._main", None)


def proxy_of(url: str, configured: str | None = None) -> str | None:
    """The proxy that requests to this URL go through: the configured one, else ``HTTPS_PROXY`` …; none for ``NO_PROXY``."""
    parts = urllib.parse.urlsplit(url)
    if urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    if configured:
        return configured
    found = urllib.request.getproxies()
    proxy = found.get(parts.scheme) or found.get("all")
    if not proxy:
        return None
    return HiddenUrl(proxy if "://" in proxy else f"http://{proxy}")


def open_client(
    config: Config,
    url: str,
    *,
    proxy: str | None,
    timeout: float,
    proxy_token: Callable[[], str | None] | None = None,
    for_flyte: bool = False,
) -> httpx.Client:
    """A client for requests like those to this URL: by its scheme, through one proxy or through none. The caller closes it.

    Args:
        config: TLS settings, read only where TLS is spoken: the system's certificates take a while to load.
        url: Where the requests go, or another URL of its scheme.
        proxy: Its URL; user and password in it are sent to it.
        timeout: Seconds that connecting, and each single read or write, may take.
        proxy_token: Makes the ``Proxy-Authorization`` that the proxy alone gets; a function, so that no variable holds it.
        for_flyte: True for Flyte itself: ``ca_cert_file`` replaces the system's authorities, and our certificate is shown.

    Raises:
        ConfigError: A certificate cannot be read, or the proxy's URL cannot be used.
    """
    import httpx

    settings = _settings(config, url, proxy, timeout, proxy_token, for_flyte=for_flyte)
    try:
        return httpx.Client(**settings)
    except ImportError:
        raise _no_socks(proxy) from None


def open_async_client(config: Config, url: str, *, proxy: str | None, timeout: float) -> httpx.AsyncClient:
    """The same for Flyte itself, on an event loop. Its arguments and errors are those of `open_client`."""
    import httpx

    settings = _settings(config, url, proxy, timeout, None, for_flyte=True)
    try:
        return httpx.AsyncClient(**settings)
    except ImportError:
        raise _no_socks(proxy) from None


def _settings(
    config: Config,
    url: str,
    proxy: str | None,
    timeout: float,
    proxy_token: Callable[[], str | None] | None,
    *,
    for_flyte: bool,
) -> dict[str, Any]:
    import ssl

    import httpx

    speaks_tls = any(one.lower().startswith("https:") for one in (url, proxy or ""))
    if speaks_tls:
        tls = tls_context(config, replace=for_flyte)
        if for_flyte:
            show_client_certificate(config, tls)
    else:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # which trusts nobody
    way = None
    if proxy is not None:
        try:
            token = None if proxy_token is None else Hidden(proxy_token() or "")
            headers = {"Proxy-Authorization": token} if token else None
            way = httpx.Proxy(proxy, headers=headers, ssl_context=tls if proxy.lower().startswith("https:") else None)
        except (ValueError, httpx.InvalidURL):
            raise ConfigError(
                f"the proxy {url_shown(proxy)} cannot be used; wanted http://HOST:PORT (or https://, socks5://)"
            ) from None
    return {
        "verify": tls,
        "trust_env": False,
        "proxy": way,
        "timeout": httpx.Timeout(timeout, pool=None),
        "limits": httpx.Limits(max_connections=None, max_keepalive_connections=32, keepalive_expiry=30.0),
        "follow_redirects": False,
    }


def _no_socks(proxy: str | None) -> ConfigError:
    return ConfigError(f"the proxy {url_shown(proxy or '')} is SOCKS, which needs: pip install 'httpx[socks]'")
