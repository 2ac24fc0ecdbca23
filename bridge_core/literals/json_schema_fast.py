"""The fast way through a JSON schema: values that fit nearly as they are, checked without paths and without messages.

Whatever it does not know raises `NotFast`, and the checks of `json_schema.py` decide, convert and explain. So nothing here
may take what those refuse, or give another result.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
from collections.abc import Callable, Collection, Mapping
from operator import attrgetter
from typing import Any

from .coder import Job
from .foreign import is_data_class

__all__ = [
    "NOT_FAST",
    "Fast",
    "NotFast",
    "fast_any_of",
    "fast_array",
    "fast_enum",
    "fast_map",
    "fast_number",
    "fast_object",
    "fast_seconds",
    "fast_written",
    "never",
]

Fast = Callable[[Any, Job], Any]
"""Takes a value, gives plain data; sets `Job.coerced`, and nothing else, there."""

_Part = tuple[type | None, Fast]
"""The exact Python type that needs no check (None: there is none), and what takes values of other types."""
_Plan = tuple[Callable[[Any], tuple[Any, ...]], tuple[tuple[str, type | None, Fast], ...]]
"""How to read all fields of a class at once, and what to do with each."""

_PLANS = 64  # classes remembered per schema; more are not met in one process, unless they are made in a loop
_EXACT_FLOAT = 2**53


class NotFast(Exception):
    """The value needs the long way."""


NOT_FAST = (NotFast, LookupError, AttributeError)
"""What a fast check may raise: also an unknown field, and a field that was deleted."""


def never(value: Any, job: Job) -> Any:  # noqa: ARG001 - a Fast
    """Takes nothing."""
    raise NotFast


def fast_number(value: Any, job: Job) -> float:
    """An int that a float holds exactly."""
    if type(value) is not int or not -_EXACT_FLOAT <= value <= _EXACT_FLOAT:
        raise NotFast
    job.coerced = True
    return float(value)


def fast_seconds(value: Any, job: Job) -> float:
    """A duration as mashumaro writes it."""
    return value.total_seconds() if type(value) is dt.timedelta else never(value, job)


def fast_enum(options: Collection[Any]) -> Fast:
    """One of some texts, or an enum member with such a value."""
    texts = frozenset(option for option in options if isinstance(option, str))

    def fast(value: Any, job: Job) -> Any:
        plain = value.value if isinstance(value, enum.Enum) else value
        return plain if type(plain) is str and plain in texts else never(value, job)

    return fast


def fast_written(write: Callable[[Any], Any]) -> Fast:
    """What is written as a text."""

    def fast(value: Any, job: Job) -> Any:
        out = write(value)
        return never(value, job) if out is None else out

    return fast


def fast_any_of(exact: Collection[type], others: Collection[Fast]) -> Fast:
    """One of several types, where at most one needs more than a look at the value's class."""
    other = next(iter(others)) if len(others) == 1 else never

    def fast(value: Any, job: Job) -> Any:
        return value if type(value) in exact else other(value, job)

    return fast


def fast_array(exact: type | None, each: Fast) -> Fast:
    """A list of one type."""
    one = {exact}

    def fast(value: Any, job: Job) -> Any:
        if type(value) is not list and type(value) is not tuple:
            raise NotFast
        if exact is not None and one.issuperset(map(type, value)):
            return value
        return [item if type(item) is exact else each(item, job) for item in value]

    return fast


def fast_map(exact: type | None, each: Fast, *, titled: bool) -> Fast:
    """A dict of one type."""

    def fast(value: Any, job: Job) -> Any:
        if type(value) is not dict:
            raise NotFast
        job.coerced = job.coerced or titled
        return {key: item if type(item) is exact else each(item, job) for key, item in value.items()}

    return fast


def fast_object(known: Mapping[str, _Part], required: Collection[str], title: str) -> Fast:
    """A dataclass of the schema's name, or a dict with its fields."""
    needed = frozenset(required)
    plans: dict[type, _Plan | None] = {}

    def fast(value: Any, job: Job) -> Any:
        kind = type(value)
        if kind is dict:
            if not needed <= value.keys():
                raise NotFast
            job.coerced = job.coerced or bool(title)
            out = {}
            for name, item in value.items():
                exact, each = known[name]
                out[name] = item if type(item) is exact else each(item, job)
            return out
        plan = plans[kind] if kind in plans else planned(kind)
        if plan is None:
            raise NotFast
        read, parts = plan
        return {
            name: item if type(item) is exact else each(item, job)
            for (name, exact, each), item in zip(parts, read(value), strict=True)
        }

    def planned(kind: type) -> _Plan | None:
        if len(plans) >= _PLANS:
            plans.clear()
        plans[kind] = plan = _plan(kind, known, needed, title)
        return plan

    return fast


def _plan(kind: type, known: Mapping[str, _Part], needed: Collection[str], title: str) -> _Plan | None:
    if not dataclasses.is_dataclass(kind) or issubclass(kind, Mapping) or (title and kind.__name__ != title):
        return None
    names = [field.name for field in dataclasses.fields(kind)]
    if not names or not set(needed) <= set(names) <= known.keys() or is_data_class(kind):
        return None
    read = attrgetter(*names)
    one = (lambda value: (read(value),)) if len(names) == 1 else read
    return one, tuple((name, *known[name]) for name in names)
