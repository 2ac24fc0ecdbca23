"""Public classes of this room say that they come from `bridge_core.connector`, for the reasons that `model/public.py` gives."""

from __future__ import annotations

from typing import TypeVar

__all__ = ["public"]

T = TypeVar("T")


def public(thing: T) -> T:
    """Marks a class or function of the room's facade."""
    thing.__module__ = "bridge_core.connector"
    return thing
