"""The fast way through a JSON schema: values that fit nearly as they are, checked without paths and without messages.

Whatever it does not know raises `NotFast`, and the checks of `json_schema.py` decide, convert and explain. So nothing here
may take what those refuse, or give another result.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any

from .coder import Job
from .packing import KEYS, odd_key
from .pydantic_models import may_hold_data
from .sdk_objects import is_data_class

__all__ = [
    "NOT_FAST",
    "Fast",
    "NotFast",
    "fast_any_of",
    "fast_anything",
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
_Fields = Callable[[Any], dict[str, Any]]
"""Reads the fields of an object. What it gives is not changed: it may be the object's own."""
_Checks = tuple[tuple[str, Fast], ...]
"""The fields whose values are not of the exact type, and what takes them."""

_REMEMBERED = (
    64  # classes per schema, and shapes per class; more are not met in one process, unless they are made in a loop
)
_EXACT_FLOAT = 2**53


class NotFast(Exception):
    """The value needs the long way."""


NOT_FAST = (NotFast, LookupError, AttributeError)
"""What a fast check may raise: also an unknown field, and a field that was deleted."""


def never(value: Any, job: Job) -> Any:  # noqa: ARG001 - a Fast
    """Takes nothing."""
    raise NotFast


def fast_anything(value: Any, job: Job) -> Any:
    """Everything that comes back as it is."""
    return value if odd_key(value) is None else never(value, job)


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

    def fast(value: Any, job: Job) -> Any:
        if type(value) is not list and type(value) is not tuple:
            raise NotFast
        for item in value:  # most lists are short: sooner than set(map(type, …))
            if type(item) is not exact:
                return [item if type(item) is exact else each(item, job) for item in value]
        return value

    return fast


def fast_map(exact: type | None, each: Fast, *, titled: bool) -> Fast:
    """A dict of one type."""

    def fast(value: Any, job: Job) -> Any:
        if type(value) is not dict or not KEYS.issuperset(map(type, value)):
            raise NotFast
        job.coerced = job.coerced or titled
        return {key: item if type(item) is exact else each(item, job) for key, item in value.items()}

    return fast


def fast_object(known: Mapping[str, _Part], required: Collection[str], title: str) -> Fast:
    """A dataclass of the schema's name, or a dict with its fields.

    Objects of one class mostly have values of the same types: what is left to check is remembered by names and types.
    """
    shapes = _Shapes(known, frozenset(required), title)
    classes = shapes.classes

    def fast(value: Any, job: Job) -> Any:
        kind = type(value)
        read, checks = classes[kind] if kind in classes else shapes.of_class(kind)
        fields = value.__dict__ if read is None else read(value)
        shape = (*fields, *map(type, fields.values()))
        left = checks[shape] if shape in checks else shapes.left_to_check(kind, shape, fields)
        if kind is dict and title:
            job.coerced = True
        out = fields
        for name, each in left:
            item = fields[name]
            plain = each(item, job)
            if plain is not item:
                if out is fields:
                    out = dict(fields)
                out[name] = plain
        return out

    return fast


class _Shapes:
    """What is known about the classes of one object of a schema."""

    def __init__(self, known: Mapping[str, _Part], needed: frozenset[str], title: str) -> None:
        self._known = known
        self._needed = needed
        self._title = title
        self.classes: dict[type, tuple[_Fields | None, dict[tuple[Any, ...], _Checks]]] = {}
        """How to read the fields of a class (None: they are its ``__dict__``), and its shapes."""

    def of_class(self, kind: type) -> tuple[_Fields | None, dict[tuple[Any, ...], _Checks]]:
        """The entry of a class that is new here."""
        if len(self.classes) >= _REMEMBERED:
            self.classes.clear()
        self.classes[kind] = (self._reader(kind), {})
        return self.classes[kind]

    def left_to_check(self, kind: type, shape: tuple[Any, ...], fields: Mapping[str, Any]) -> _Checks:
        """Which fields have values that are not of the exact type, for a shape that is new here."""
        if not self._needed <= fields.keys() <= self._known.keys():
            raise NotFast
        if dataclasses.is_dataclass(kind) and list(fields) != [field.name for field in dataclasses.fields(kind)]:
            raise NotFast  # fields that were added, deleted or set again: not in the order they are written in
        checks = self.of_class(kind)[1] if kind not in self.classes else self.classes[kind][1]
        if len(checks) >= _REMEMBERED:
            checks.clear()
        checks[shape] = left = tuple(
            (name, self._known[name][1]) for name, item in fields.items() if type(item) is not self._known[name][0]
        )
        return left

    def _reader(self, kind: type) -> _Fields | None:
        if kind is dict:
            return _same
        if issubclass(kind, Mapping) or is_data_class(kind) or (self._title and kind.__name__ != self._title):
            return _no_fields
        if hasattr(kind, "model_dump") and hasattr(kind, "model_fields"):
            hashed: Any = kind
            return _no_fields if may_hold_data(hashed) or getattr(kind, "__pydantic_root_model__", False) else _dumped
        if not dataclasses.is_dataclass(kind):
            return _no_fields
        names = [field.name for field in dataclasses.fields(kind)]
        if not names or not self._needed <= set(names) <= self._known.keys():
            return _no_fields
        plain = not any(hasattr(type(inspect.getattr_static(kind, name, None)), "__set__") for name in names)
        if plain and kind.__getattribute__ is object.__getattribute__:
            return None
        return functools.partial(_read, names)  # slots, and what else computes a field


def _same(value: Any) -> Any:
    return value


def _no_fields(value: Any) -> Any:  # noqa: ARG001 - reads fields
    """The class has no fast way."""
    raise NotFast


def _dumped(value: Any) -> dict[str, Any]:
    """A pydantic model as it writes itself."""
    try:
        fields = value.model_dump(mode="json")
    except Exception as error:  # a serializer of the user's may raise anything; the long way says what
        raise NotFast from error
    if type(fields) is not dict:
        raise NotFast
    return fields


def _read(names: list[str], value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in names}
