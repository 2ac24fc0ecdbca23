"""What a setting that is a number may be: a text, a truth value, ``nan`` and ``inf`` pass most comparisons and break later."""

from __future__ import annotations

import math

from ..model.errors import ConfigError

__all__ = ["check_count", "check_seconds"]


def check_seconds(name: str, value: object, *, zero: bool = False) -> None:
    """A finite number of seconds, positive unless ``zero``; None is fine.

    Raises:
        ConfigError: It is something else.
    """
    if value is None:
        return
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if not math.isfinite(number) or number < 0 or (number == 0 and not zero):
        wanted = "a number of seconds, 0 or more" if zero else "a positive number of seconds"
        raise ConfigError(f"{name} must be {wanted}, got {value!r}; leave it out for the default")


def check_count(name: str, value: object, *, zero: bool = False) -> None:
    """A whole number, positive unless ``zero``.

    Raises:
        ConfigError: It is something else.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 0 or (value == 0 and not zero):
        raise ConfigError(
            f"{name} must be a {'whole number, 0 or more' if zero else 'positive whole number'}, got {value!r}"
        )
