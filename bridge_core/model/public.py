"""Public classes say that they come from `bridge_core`, as httpx's do.

Tracebacks then show the name that users import, and a pickle holds no path that a later move of a file would break.
"""

from __future__ import annotations

from typing import TypeVar

__all__ = ["public"]

T = TypeVar("T")


def public(thing: T) -> T:
    """Marks a class or function of the facade. Outermost, because `dataclass` looks annotations up in the defining module."""
    thing.__module__ = "bridge_core"
    return thing
