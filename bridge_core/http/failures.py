"""Why a request came to nothing, in words of the operating system and of TLS: never with a header or a URL."""

from __future__ import annotations

from ..model.masking import host_of

__all__ = ["kinds_of", "reason_of"]


def kinds_of(error: BaseException) -> frozenset[str]:
    """Names of its classes. Those of httpx have the names of httpcore's that they stand for, so that one list serves both."""
    return frozenset(kind.__name__ for kind in type(error).__mro__)


def reason_of(error: Exception, proxy: str | None = None) -> str:
    """What happened, for messages.

    Args:
        error: What httpx or httpcore raised for a request that failed on its way.
        proxy: The proxy that the request went through; it is named, because it may be at fault.
    """
    kinds = kinds_of(error)
    way = f" (through the proxy {host_of(proxy)})" if proxy else ""
    if "ProxyError" in kinds:
        # "407 Proxy Authentication Required": the answer to CONNECT
        return f"the proxy {host_of(proxy or '')} refused to connect: {str(error)[:80]}"
    if "TimeoutException" in kinds:
        return f"no answer in time ({type(error).__name__}){way}"
    if "RemoteProtocolError" in kinds:
        return f"the connection ended, or what came is no HTTP, before the answer was whole{way}"
    return f"{_cause(error) or type(error).__name__}{way}"


def _cause(error: BaseException | None) -> str:
    """Words of the innermost error of the operating system or of TLS."""
    words = ""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        words = getattr(error, "verify_message", None) or getattr(error, "strerror", None) or words
        error = error.__cause__ or error.__context__
    return str(words)[:200]
