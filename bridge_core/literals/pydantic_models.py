"""Fields of a pydantic model: its own JSON, except for files and frames in it, which stay the objects they are.

As JSON, a flytekit file in a model copies itself to a random place on this machine, and names that. So fields that hold data
are left out of the JSON and handed to the codec, which uploads what is in them.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import functools
import typing
from collections.abc import Collection, Mapping
from typing import Any

from .sdk_objects import is_data

__all__ = ["Unwritable", "is_model", "may_hold_data", "model_fields", "root_of"]

_LEAVES = frozenset({str, int, float, bool, bytes, type(None), dt.datetime, dt.date, dt.time, dt.timedelta})


class Unwritable(TypeError):
    """A model that cannot be written as JSON.

    Attributes:
        field: Name of the field that cannot; empty for the model itself.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


def is_model(value: Any) -> bool:
    """Whether a value is an instance of a pydantic model."""
    return hasattr(type(value), "model_fields") and hasattr(value, "model_dump")


def root_of(value: Any) -> Any:
    """What a ``RootModel`` stands for; other values as they are."""
    while getattr(type(value), "__pydantic_root_model__", False) and not isinstance(value, type):
        value = value.root
    return value


def model_fields(value: Any, known: Collection[str] = ()) -> Mapping[str, Any]:
    """The fields as the model writes them, in its order; those that hold data as they are.

    Args:
        value: A model.
        known: Names that the remote type has. Aliases are used where they fit these better.

    Raises:
        Unwritable: A field has no JSON.
    """
    kind: Any = type(value)
    data = _fields_with_data(value) if may_hold_data(kind) else {}
    if data and getattr(getattr(kind, "__pydantic_decorators__", None), "model_serializers", None):
        raise Unwritable(
            "",
            f"{kind.__qualname__} has a model_serializer of its own, which files and frames cannot pass; give its dict",
        )
    fields = _dumped(value, data, by_alias=False)
    if known and not fields.keys() <= set(known):
        read_as = _validation_aliases(kind, known)
        aliased = {read_as.get(key, key): item for key, item in _dumped(value, data, by_alias=True).items()}
        return aliased if len(aliased.keys() - set(known)) < len(fields.keys() - set(known)) else fields
    return fields


def _dumped(value: Any, data: Mapping[str, Any], *, by_alias: bool) -> Mapping[str, Any]:
    kind = type(value)
    try:
        written: dict[str, Any] = value.model_dump(mode="json", by_alias=by_alias, exclude=set(data) or None)
    except Exception as error:
        raise _culprit(value, data, error) from error
    if not data:
        return written
    out = {}
    for name in (*kind.model_fields, *data):
        key = _alias(kind, name) if by_alias else name
        if name in data:
            out[key] = root_of(data[name])
        elif key in written:
            out[key] = written.pop(key)
    return {**out, **written}


def _validation_aliases(kind: Any, known: Collection[str]) -> dict[str, str]:
    """Alias that is written -> the one that is read, where they differ: the schema has the latter."""
    return {
        _alias(kind, name): field.validation_alias
        for name, field in kind.model_fields.items()
        if isinstance(field.validation_alias, str) and field.validation_alias in known
    }


def _alias(kind: Any, name: str) -> str:
    field = kind.model_fields.get(name) or kind.model_computed_fields.get(name)
    return str(getattr(field, "serialization_alias", None) or getattr(field, "alias", None) or name)


def _culprit(value: Any, data: Mapping[str, Any], error: Exception) -> Unwritable:
    for name in type(value).model_fields:
        if name not in data:
            try:
                value.model_dump(mode="json", include={name})
            except Exception as reason:  # noqa: BLE001 - a serializer of the user's may raise anything
                return Unwritable(name, f"cannot be written as JSON: {reason}")
    return Unwritable("", f"{type(value).__qualname__} cannot be written as JSON: {error}")


def _fields_with_data(value: Any) -> dict[str, Any]:
    kind = type(value)
    found = {
        name: getattr(value, name, None)
        for name, field in {**kind.model_fields, **kind.model_computed_fields}.items()
        if not getattr(field, "exclude", None)
    }
    return {name: item for name, item in {**found, **(value.model_extra or {})}.items() if _holds_data(item, set())}


def _holds_data(value: Any, seen: set[int]) -> bool:
    kind: Any = type(value)
    if kind in _LEAVES or id(value) in seen:
        return False
    if is_data(value):
        return True
    items: Any = ()
    if isinstance(value, Mapping):
        items = value.values()
    elif isinstance(value, (list, tuple, set, frozenset)):
        items = value
    elif is_model(value):
        items = [*vars(value).values(), *(value.model_extra or {}).values()] if may_hold_data(kind) else ()
    elif dataclasses.is_dataclass(kind):
        items = [getattr(value, field.name, None) for field in dataclasses.fields(kind)]
    elif hasattr(kind, "__attrs_attrs__"):
        items = [getattr(value, field.name, None) for field in kind.__attrs_attrs__]
    if not items:
        return False
    seen.add(id(value))
    return any(_holds_data(item, seen) for item in items)


@functools.lru_cache(1024)
def may_hold_data(kind: Any) -> bool:
    """Whether a class of models can have files or frames in it, by its annotations: most cannot, and are not searched."""
    return _may_hold(kind, set())


def _may_hold(annotation: Any, seen: set[Any]) -> bool:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal or annotation is Ellipsis:
        return False
    if origin is typing.Annotated:
        return _may_hold(arguments[0], seen)
    if arguments:
        return any(_may_hold(one, seen) for one in arguments)
    if not isinstance(annotation, type):
        return True
    if (
        annotation in _LEAVES
        or issubclass(annotation, enum.Enum)
        or annotation.__name__ in {"Decimal", "UUID", "Path", "PurePath"}
    ):
        return False
    if not hasattr(annotation, "model_fields"):
        return True
    if annotation in seen:
        return False
    seen.add(annotation)
    model: Any = annotation
    if getattr(model, "model_config", {}).get("extra") == "allow" or model.model_computed_fields:
        return True
    return any(_may_hold(field.annotation, seen) for field in model.model_fields.values())
