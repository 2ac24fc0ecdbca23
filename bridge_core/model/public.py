"""Public classes say that they come from `bridge_core`, as httpx's do, and their pickles outlive releases.

Tracebacks then show the name that users import, and a pickle holds no path that a later move of a file would break. What
`dataclass` pickles of a class with slots is a list of values: a field more, and the object that was stored before lacks it; a
field in between, and values land in the wrong ones. So the names go along, at the end, where a release that does not know them
stops reading.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any, TypeVar

__all__ = ["public"]

T = TypeVar("T")

_NAMES = "flyte-bridge fields"


def public(thing: T) -> T:
    """Marks a class or function of the facade. Outermost, because `dataclass` looks annotations up in the defining module."""
    thing.__module__ = "bridge_core"
    if isinstance(thing, type) and getattr(thing.__dict__.get("__getstate__"), "__module__", "") == "dataclasses":
        made: Any = thing
        made.__getstate__, made.__setstate__ = _values, _take
    return thing


def _values(self: Any) -> list[Any]:
    names = [item.name for item in fields(self)]
    return [*(getattr(self, name) for name in names), (_NAMES, *names)]


def _take(self: Any, state: list[Any]) -> None:
    """Values by name; of a release that gave no names by place. Fields that it did not know have their defaults."""
    told = state[-1] if state else None
    if isinstance(told, tuple) and told[:1] == (_NAMES,):
        given = dict(zip(told[1:], state, strict=False))
    else:
        given = dict(zip((item.name for item in fields(self)), state, strict=False))
    for item in fields(self):
        if item.name in given:
            value = given[item.name]
        elif item.default is not MISSING:
            value = item.default
        elif item.default_factory is not MISSING:
            value = item.default_factory()
        else:
            raise TypeError(
                f"a pickled {type(self).__name__} lacks {item.name!r}, which has no default: another release wrote it"
            )
        object.__setattr__(self, item.name, value)
