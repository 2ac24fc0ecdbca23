"""The fast way of `as_type`: one reader per class, made once, which knows no paths and makes no messages.

Whatever a reader does not know raises `NotFast`, and `to_classes.py` begins again, converts and explains. So nothing here may
take what that refuses, or give another result.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable
from typing import Any

__all__ = ["NotFast", "Reader", "reader"]

Other = Callable[[Any, Any], Any]
Reader = Callable[[Any], Any]
"""Takes a plain value, gives the object."""
_Part = tuple[type | None, Reader]
"""The exact type that is taken as it is (None: there is none), and what reads values of other types."""

_EXACT = frozenset({bool, int, str, bytes, type(None)})
_NONE = type(None)


class NotFast(Exception):
    """The value needs the long way."""


@functools.lru_cache(1024)
def reader(target: Any, other: Other) -> Reader:
    """The reader of a type.

    Args:
        target: Any type that `as_type` takes and that can be hashed.
        other: Reads a value as a type, for types that have no fast way; raises `NotFast` when it cannot.
    """
    try:
        exact, read = _part(target, other, frozenset())
    except (NotFast, NameError, TypeError, AttributeError):  # also annotations that only a type checker can read
        return _never
    return read if exact is None else lambda value: value if type(value) is exact else read(value)


def _part(target: Any, other: Other, inside: frozenset[Any]) -> _Part:
    if target in _EXACT:
        return target, functools.partial(_read_other, target, other)
    if target is float:
        return float, functools.partial(_read_other, target, other)
    if target is Any or target is object:
        return None, _same
    origin, arguments = typing.get_origin(target), typing.get_args(target)
    if origin in (typing.Union, types.UnionType):
        real = [one for one in arguments if one is not _NONE]
        if len(real) == 1 and len(arguments) == 2:  # noqa: PLR2004 - Optional
            exact, read = _part(real[0], other, inside)
            return _NONE, read if exact is None else lambda value: value if type(value) is exact else read(value)
    if origin is list and len(arguments) == 1:
        return None, _list_reader(*_part(arguments[0], other, inside))
    if origin is dict and len(arguments) == 2 and arguments[0] is str:  # noqa: PLR2004 - key and value
        return None, _dict_reader(*_part(arguments[1], other, inside))
    if isinstance(target, type) and dataclasses.is_dataclass(target) and not hasattr(target, "model_validate"):
        return None, _dataclass_reader(target, other, inside)
    return None, functools.partial(_read_other, target, other)


def _never(value: Any) -> Any:  # noqa: ARG001 - a Reader
    raise NotFast


def _same(value: Any) -> Any:
    return value


def _read_other(target: Any, other: Other, value: Any) -> Any:
    return other(value, target)


def _list_reader(exact: type | None, read: Reader) -> Reader:
    if exact is None:

        def read_each(value: Any) -> Any:
            if type(value) is not list:
                raise NotFast
            return value[:] if read is _same else [read(item) for item in value]

        return read_each

    def read_list(value: Any) -> Any:
        if type(value) is not list:
            raise NotFast
        for item in value:  # most lists are short: sooner than set(map(type, …))
            if type(item) is not exact:
                return [item if type(item) is exact else read(item) for item in value]
        return value[:]

    return read_list


def _dict_reader(exact: type | None, read: Reader) -> Reader:
    texts = {str}

    def read_dict(value: Any) -> Any:
        if type(value) is not dict or not texts.issuperset(map(type, value)):
            raise NotFast
        return {key: item if type(item) is exact else read(item) for key, item in value.items()}

    return read_dict


def _dataclass_reader(target: Any, other: Other, inside: frozenset[Any]) -> Reader:
    if target in inside:
        raise NotFast  # a class that holds itself may be nested deeper than is allowed, which nobody counts here
    hints = typing.get_type_hints(target, include_extras=True)
    parts = {
        field.name: _part(hints.get(field.name, Any), other, inside | {target})
        for field in dataclasses.fields(target)
        if field.init
    }

    def read_dataclass(value: Any) -> Any:
        if type(value) is not dict:
            return other(value, target)
        arguments = value
        try:
            for name, item in value.items():
                exact, read = parts[name]
                if type(item) is not exact:
                    changed = read(item)
                    if changed is not item:
                        if arguments is value:
                            arguments = dict(value)
                        arguments[name] = changed
            return target(**arguments)
        except (LookupError, TypeError, ValueError) as error:  # an unknown field, a missing one, or its own refusal
            raise NotFast from error

    return read_dataclass
