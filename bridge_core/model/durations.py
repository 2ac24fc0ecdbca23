"""Durations at the public edge: numbers of seconds or timedeltas come in, float seconds go on."""

from __future__ import annotations

import math
from datetime import timedelta

from .errors import InvalidRequest
from .public import public

__all__ = ["seconds"]


@public
def seconds(value: float | timedelta | None, name: str = "timeout", *, positive: bool = False) -> float | None:
    """Seconds of what the public edge accepts; None stays None.

    Args:
        value: A number of seconds or a timedelta.
        name: What it is, for the message.
        positive: Whether 0 is refused too.

    Raises:
        InvalidRequest: Something else, not finite, or negative.
    """
    if value is None:
        return None
    number = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        raise InvalidRequest(
            f"{name} must be a number of seconds or a timedelta, got {value!r} ({type(value).__name__})"
        )
    if number < 0 or (positive and number == 0):
        raise InvalidRequest(f"{name} must be {'more than 0' if positive else '0 or more'} seconds, got {value!r}")
    return float(number)
