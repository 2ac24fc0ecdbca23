"""How httpx clients are opened, for logins and transfers: our TLS, our proxies, no redirects, of the environment proxies alone.

A redirected request would hand its secret (a form, a signature) to whoever the redirect names. Clients are blocking: a login
and a transfer are worked off in threads of the transport, so that a caller that is cancelled loses neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..model.masking import Hidden
from .pools import KEPT, KEPT_FOR, no_socks, unusable
from .tls import tls_context

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from ..config import Config

__all__ = ["open_client"]


def open_client(
    config: Config,
    url: str,
    *,
    proxy: str | None,
    timeout: float,
    proxy_token: Callable[[], str | None] | None = None,
) -> httpx.Client:
    """A client for requests like those to this URL: by its scheme, through one proxy or through none. The caller closes it.

    Args:
        config: TLS settings, read only where TLS is spoken: the system's certificates take a while to load.
        url: Where the requests go, or another URL of its scheme.
        proxy: Its URL; user and password in it are sent to it.
        timeout: Seconds that connecting, and each single read or write, may take.
        proxy_token: Makes the ``Proxy-Authorization`` that the proxy alone gets; a function, so that no variable holds it.

    Raises:
        ConfigError: A certificate cannot be read, or the proxy's URL cannot be used.
    """
    import ssl

    import httpx

    speaks_tls = any(one.lower().startswith("https:") for one in (url, proxy or ""))
    tls = tls_context(config) if speaks_tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # which trusts nobody
    way = None
    if proxy is not None:
        try:
            token = None if proxy_token is None else Hidden(proxy_token() or "")
            headers = {"Proxy-Authorization": token} if token else None
            way = httpx.Proxy(proxy, headers=headers, ssl_context=tls if proxy.lower().startswith("https:") else None)
        except (ValueError, httpx.InvalidURL):
            raise unusable(proxy) from None
    try:
        return httpx.Client(
            verify=tls,
            trust_env=False,
            proxy=way,
            timeout=httpx.Timeout(timeout, pool=None),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=KEPT, keepalive_expiry=KEPT_FOR),
            follow_redirects=False,
        )
    except ImportError:
        raise no_socks(proxy) from None
