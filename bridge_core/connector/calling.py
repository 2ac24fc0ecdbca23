"""Which keywords a connector's method gets."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["accepted"]


def accepted(method: Callable[..., Any], offered: Mapping[str, Any]) -> dict[str, Any]:
    """What a method declares of what it could get; all of it for one with ``**kwargs``."""
    plain = getattr(method, "__func__", method)  # not the bound one: a cache keeps what it has as a key
    try:
        names = _declared(plain)
    except TypeError:  # a callable that cannot be a key
        names = _declared.__wrapped__(plain)
    if names is None:
        return dict(offered)
    return {name: value for name, value in offered.items() if name in names}


@functools.lru_cache(maxsize=512)
def _declared(method: Callable[..., Any]) -> frozenset[str] | None:
    """Names that it declares; None for any. Kept, because looking takes longer than many a method."""
    parameters = inspect.signature(method).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return frozenset(parameter.name for parameter in parameters)
