"""`as_type`: plain decoded values to the caller's own classes.

Decoding gives plain Python, because a scheduler rarely has the task's classes. Callers who have them name the class:
`as_type(value, MyDataclass)`.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import datetime as dt
import enum
import functools
import types
import typing
from typing import Any, TypeVar

from ..model.durations import parse_duration
from ..model.errors import LiteralError
from ..model.references import DirectoryRef, FileRef, FrameRef
from .problems import MAX_DEPTH, Where, did_you_mean, refusal, render, show
from .sdk_objects import data_fields
from .time_text import parse_datetime
from .to_classes_fast import NotFast, reader

if typing.TYPE_CHECKING:
    from .usertypes import UserTypes

__all__ = ["as_type"]

T = TypeVar("T")

_EXACT = frozenset({bool, int, float, str, bytes, type(None)})
"""Types whose values, when they have exactly this type, need no question."""

_ROOT: Where = (None, "value")

_LISTS: dict[Any, Any] = {
    list: list, tuple: tuple, set: set, frozenset: frozenset,
    collections.abc.Sequence: list, collections.abc.Iterable: list, collections.abc.Set: set,
}  # fmt: skip


def as_type(value: Any, target: type[T], *, types: UserTypes | None = None) -> T:
    """The value as the given type.

    Args:
        value: What `Codec.decode` gave.
        target: A dataclass, enum, pydantic v2 model (any class with ``model_validate``), datetime, date, timedelta, a
            reference, ``list[T]``, ``dict[str, T]``, ``tuple[…]``, ``Optional[T]``, unions, ``Literal``, an attrs class, a
            TypedDict, a NamedTuple, or a plain type.
        types: Classes of the user's own.

    Raises:
        LiteralError: The value does not have that shape; the message names the leaf.
    """
    if not types:
        hashed: Any = target
        try:
            return typing.cast("T", reader(hashed, _other)(value))
        except (NotFast, TypeError, RecursionError):  # TypeError: a target without hash
            pass
    return typing.cast("T", _shape(value, target, _ROOT, 0, types))


def _other(value: Any, target: Any) -> Any:
    """A value of a type that has no fast way."""
    try:
        return _shape(value, target, _ROOT, 0, None)
    except LiteralError as error:
        raise NotFast from error


def _shape(value: Any, target: Any, where: Where, depth: int, own: UserTypes | None) -> Any:
    if depth > MAX_DEPTH:
        raise refusal(where, f"nested deeper than {MAX_DEPTH} levels")
    if type(value) is target and target in _EXACT and not own:
        return value
    if own and isinstance(target, type) and target in own:
        return own.raised(value, target, where)
    origin = typing.get_origin(target)
    if origin is typing.Annotated:
        return _shape(value, typing.get_args(target)[0], where, depth, own)
    if target is Any or target is object:
        return value
    if origin in (typing.Union, types.UnionType):
        return _union(value, typing.get_args(target), where, depth, own)
    if origin is typing.Literal:
        if value in typing.get_args(target):
            return value
        raise refusal(where, f"expected one of {', '.join(map(repr, typing.get_args(target)))}, got {show(value)}")
    container = origin or target
    if container in _LISTS:
        return _sequence(value, target, where, depth, own)
    if container in (dict, collections.abc.Mapping, collections.abc.MutableMapping):
        return _mapping(value, typing.get_args(target), where, depth, own)
    if isinstance(container, type):
        return _instance(value, container, where, depth, own)
    return value


def _union(value: Any, options: tuple[Any, ...], where: Where, depth: int, own: UserTypes | None) -> Any:
    if value is None and type(None) in options:
        return None
    real = [option for option in options if option is not type(None)]
    if len(real) == 1:
        return _shape(value, real[0], where, depth, own)
    for option in real:  # a value that already is of a variant's type needs no trying
        if isinstance(option, type) and type(value) is option:
            return value
    said = []
    for option in real:
        try:
            return _shape(value, option, where, depth + 1, own)
        except LiteralError as error:
            said.append(str(error).removeprefix(f"{render(where)}: "))
    raise refusal(where, "fits no variant: " + "; ".join(said))


def _sequence(value: Any, target: Any, where: Where, depth: int, own: UserTypes | None) -> Any:
    container, args = typing.get_origin(target) or target, typing.get_args(target)
    if not isinstance(value, (list, tuple)):
        raise refusal(where, f"expected list, got {show(value)}")
    if container is tuple and args and args[-1] is not Ellipsis:
        if len(value) != len(args):
            raise refusal(where, f"expected {len(args)} elements, got {len(value)}")
        return tuple(_shape(v, a, (where, i), depth + 1, own) for i, (v, a) in enumerate(zip(value, args, strict=True)))
    if not args:
        return _LISTS[container](value)
    return _LISTS[container](_shape(item, args[0], (where, i), depth + 1, own) for i, item in enumerate(value))


def _mapping(value: Any, args: tuple[Any, ...], where: Where, depth: int, own: UserTypes | None) -> Any:
    if not isinstance(value, dict):
        raise refusal(where, f"expected dict, got {show(value)}")
    if len(args) != 2:  # noqa: PLR2004 - key and value
        return dict(value)
    key, item = args
    return {_key(k, key, where, depth, own): _shape(v, item, (where, k), depth + 1, own) for k, v in value.items()}


def _key(value: Any, target: Any, where: Where, depth: int, own: UserTypes | None) -> Any:
    """Keys of a dict that went through JSON are texts, whatever they were."""
    if target is int and isinstance(value, str) and value.lstrip("-").isdecimal():
        return int(value)
    return _shape(value, target, (where, value), depth + 1, own)


def _instance(value: Any, target: type, where: Where, depth: int, own: UserTypes | None) -> Any:
    if typing.is_typeddict(target):
        return _typed_dict(value, target, where, depth, own)
    if target in _CONVERSIONS:
        return _CONVERSIONS[target](value, where)
    if isinstance(value, target) and not (target is int and isinstance(value, bool)):
        return value
    if isinstance(value, (FileRef, DirectoryRef, FrameRef)):
        value = data_fields(value, target)
    if target in (FileRef, DirectoryRef, FrameRef):
        return _reference(value, target, where)
    if issubclass(target, enum.Enum):
        return _enum(value, target, where)
    if hasattr(target, "model_validate"):
        return _model(value, target, where)
    if issubclass(target, tuple) and hasattr(target, "_fields"):
        return _named_tuple(value, target, where, depth, own)
    if dataclasses.is_dataclass(target) or hasattr(target, "__attrs_attrs__"):
        return _dataclass(value, target, where, depth, own)
    if isinstance(value, str) and any(base.__name__ in _FROM_TEXT for base in target.__mro__):
        return _from_text(value, target, where)
    raise refusal(where, f"expected {target.__qualname__}, got {show(value)}")


_FROM_TEXT = frozenset({"UUID", "Decimal", "PurePath"})


def _from_text(value: str, target: type, where: Where) -> Any:
    try:
        return target(value)
    except (ValueError, ArithmeticError) as error:
        raise refusal(
            where, f"expected {target.__qualname__}, got {value[:60]!r} ({error or type(error).__name__})"
        ) from error


def _dataclass(value: Any, target: Any, where: Where, depth: int, own: UserTypes | None) -> Any:
    if not isinstance(value, dict):
        raise refusal(where, f"expected dataclass {target.__qualname__}, got {show(value)}")
    hints = _hints(target, where)
    fields, required = _constructor(target)
    for name in value:
        if name not in fields:
            raise refusal((where, name), f"unknown field of {target.__qualname__}{did_you_mean(name, fields)}")
    for name in fields:
        if name not in value and name in required:
            raise refusal((where, name), f"missing field of {target.__qualname__}")
    arguments = {fields[n]: _shape(item, hints.get(n, Any), (where, n), depth + 1, own) for n, item in value.items()}
    try:
        return target(**arguments)
    except (TypeError, ValueError) as error:  # its own __post_init__ refused
        raise refusal(where, f"{target.__qualname__} refuses it: {error}") from error


@functools.lru_cache(512)
def _constructor(target: Any) -> tuple[dict[str, str], set[str]]:
    """Field name -> name of the constructor's argument (attrs drops leading underscores), and the names without default."""
    if not dataclasses.is_dataclass(target):
        given = [field for field in target.__attrs_attrs__ if field.init]
        nothing = {field.name for field in given if repr(field.default) == "NOTHING"}
        return {field.name: str(getattr(field, "alias", None) or field.name.lstrip("_")) for field in given}, nothing
    own = [field for field in dataclasses.fields(target) if field.init]
    missing = dataclasses.MISSING
    bare = {field.name for field in own if field.default is missing and field.default_factory is missing}
    return {field.name: field.name for field in own}, bare


def _typed_dict(value: Any, target: Any, where: Where, depth: int, own: UserTypes | None) -> Any:
    if not isinstance(value, dict):
        raise refusal(where, f"expected {target.__qualname__}, got {show(value)}")
    hints = _hints(target, where)
    # Annotations that are texts hide NotRequired from the class itself.
    optional = {name for name, hint in hints.items() if typing.get_origin(hint) is typing.NotRequired}
    for name in sorted(target.__required_keys__ - optional - value.keys()):
        raise refusal((where, name), f"missing field of {target.__qualname__}")
    out = {}
    for name, item in value.items():
        if name not in hints:
            raise refusal((where, name), f"unknown field of {target.__qualname__}{did_you_mean(name, hints)}")
        hint = hints[name]
        while typing.get_origin(hint) in (typing.Required, typing.NotRequired):
            hint = typing.get_args(hint)[0]
        out[name] = _shape(item, hint, (where, name), depth + 1, own)
    return out


def _named_tuple(value: Any, target: Any, where: Where, depth: int, own: UserTypes | None) -> Any:
    """From its fields, from a list, or from ``item_0`` and so on, as the Flyte 2 SDK writes plain tuples."""
    fields = target._fields
    if isinstance(value, (list, tuple)):
        if len(value) > len(fields):
            raise refusal(where, f"expected {len(fields)} elements, got {len(value)}")
        value = dict(zip(fields, value, strict=False))
    elif isinstance(value, dict) and value and all(key == f"item_{i}" for i, key in enumerate(value)):
        value = dict(zip(fields, value.values(), strict=False))
    if not isinstance(value, dict):
        raise refusal(where, f"expected {target.__qualname__}, got {show(value)}")
    hints = _hints(target, where)
    for name in value:
        if name not in fields:
            raise refusal((where, name), f"unknown field of {target.__qualname__}{did_you_mean(name, fields)}")
    for name in fields:
        if name not in value and name not in target._field_defaults:
            raise refusal((where, name), f"missing field of {target.__qualname__}")
    return target(**{n: _shape(v, hints.get(n, Any), (where, n), depth + 1, own) for n, v in value.items()})


@functools.lru_cache(512)
def _read_hints(target: Any) -> dict[str, Any]:
    return typing.get_type_hints(target, include_extras=True)


def _hints(target: Any, where: Where) -> dict[str, Any]:
    try:
        return _read_hints(target)
    except (NameError, TypeError) as error:  # annotations that only a type checker can read
        raise refusal(where, f"the types of {target.__qualname__} cannot be read: {error}") from error


def _model(value: Any, target: Any, where: Where) -> Any:
    try:
        return target.model_validate(value)
    except ValueError as error:  # pydantic's ValidationError is one
        # flytekit dumps a model by field name and validates by alias: what it wrote has the other names.
        renamed = _by_alias(value, target)
        if renamed is not None:
            try:
                return target.model_validate(renamed)
            except ValueError:
                pass
        raise refusal(where, f"{target.__qualname__} refuses it: {error}") from error


def _by_alias(value: Any, target: Any) -> dict[str, Any] | None:
    """The same with aliases for field names; None when the model has none of its own or the value is no dict."""
    aliases: dict[str, Any] = {
        str(name): alias
        for name, field in dict(target.model_fields).items()
        if isinstance(alias := field.validation_alias, str)
    }
    if not isinstance(value, dict) or not aliases.keys() & value.keys():
        return None
    return {str(aliases.get(key) or key): item for key, item in value.items()}


def _enum(value: Any, target: type[enum.Enum], where: Where) -> Any:
    try:
        return target(value)
    except ValueError:
        if isinstance(value, str) and value in target.__members__:  # Flyte 2 sends names
            return target[value]
        raise refusal(where, f"expected one of {', '.join(repr(m.value) for m in target)}, got {show(value)}") from None


def _reference(value: Any, target: Any, where: Where) -> Any:
    """References inside a dataclass are ``{"path": uri}`` (files), ``{"uri": …}`` (frames), ``{"remote_path": …}`` (schemas)."""
    if isinstance(value, dict):
        uri = next((value[key] for key in ("uri", "path", "remote_path") if key in value), None)
        if isinstance(uri, str):
            form = value.get("format") or value.get("file_format")
            return target(uri=uri, format=form) if form else target(uri=uri)
    raise refusal(where, f"expected {target.__qualname__}, got {show(value)}")


def _to_float(value: Any, where: Where) -> Any:
    if isinstance(value, float):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    raise refusal(where, f"expected float, got {show(value)}")


def _to_int(value: Any, where: Where) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():  # a legacy Struct has only doubles
        return int(value)
    raise refusal(where, f"expected int, got {show(value)}")


def _to_datetime(value: Any, where: Where) -> Any:
    moment = parse_datetime(value) if isinstance(value, str) else value
    if isinstance(moment, dt.datetime):
        return moment
    raise refusal(where, f"expected datetime, got {show(value)}")


def _to_date(value: Any, where: Where) -> Any:
    moment = parse_datetime(value) if isinstance(value, str) else value
    if isinstance(moment, dt.datetime):
        return moment.date()
    if isinstance(moment, dt.date):
        return moment
    raise refusal(where, f"expected date, got {show(value)}")


def _to_time(value: Any, where: Where) -> Any:
    if isinstance(value, dt.time):
        return value
    try:
        return dt.time.fromisoformat(value)
    except (TypeError, ValueError):
        raise refusal(where, f"expected time, got {show(value)}") from None


def _to_timedelta(value: Any, where: Where) -> Any:
    span = parse_duration(value) if isinstance(value, str) else value
    if isinstance(span, (int, float)) and not isinstance(span, bool):
        try:
            span = dt.timedelta(seconds=span)
        except (OverflowError, ValueError):
            span = None
    if isinstance(span, dt.timedelta):
        return span
    raise refusal(where, f"expected duration, got {show(value)}")


_CONVERSIONS: dict[Any, typing.Callable[[Any, Where], Any]] = {
    float: _to_float,
    int: _to_int,
    dt.datetime: _to_datetime,
    dt.date: _to_date,
    dt.time: _to_time,
    dt.timedelta: _to_timedelta,
}
