"""Which proxy a request goes through: the settings' own, or those that the environment names, as urllib reads them."""

from __future__ import annotations

import os
import sys

from ..model.masking import HiddenUrl

__all__ = ["proxy_of"]

_SYSTEM_HAS_SETTINGS = sys.platform in ("darwin", "win32")
"""Whether urllib asks the operating system too. Elsewhere it looks at the environment alone."""


def proxy_of(url: str, configured: str | None = None) -> str | None:
    """The proxy that requests to this URL go through: the configured one, else ``HTTPS_PROXY`` …; none for ``NO_PROXY``."""
    # Most know of no proxy, and urllib.request brings mail, cookies and temporary files: a tenth of what reaching Flyte costs.
    if not configured and not _SYSTEM_HAS_SETTINGS and not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    import urllib.parse
    import urllib.request

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
