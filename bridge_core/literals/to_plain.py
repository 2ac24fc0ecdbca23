"""Objects to plain data: what msgpack, JSON and Struct can carry.

Dataclasses, pydantic and attrs models and named tuples are recognised by their attributes; their libraries are never imported.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import enum
import math
import operator
import os
from collections.abc import Collection, Mapping
from typing import Any

from ..model.references import DirectoryRef, FileRef, FrameRef
from .problems import MAX_DEPTH
from .pydantic_models import is_model, model_fields, root_of
from .sdk_objects import LocalData, Unusable, is_data, is_frame, sdk_reference
from .time_text import is_moment

__all__ = ["as_fields", "datetime_text", "in_order", "is_structured", "jsonable", "to_plain", "type_title"]


def as_fields(value: Any, known: Collection[str] = ()) -> Mapping[str, Any] | None:
    """The fields of a structured object; None when it has none.

    Args:
        value: Anything.
        known: Names that the schema has. A pydantic model goes by its aliases where these do: its schema names aliases.

    Raises:
        Unwritable: It is a pydantic model without JSON.
    """
    if isinstance(value, Mapping):
        return value
    if isinstance(value, type) or (is_data(value) and not isinstance(value, (FileRef, DirectoryRef, FrameRef))):
        return None
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if is_model(value):
        root = root_of(value)
        return model_fields(value, known) if root is value else as_fields(root, known)
    if hasattr(type(value), "__attrs_attrs__"):
        return {field.name: getattr(value, field.name) for field in type(value).__attrs_attrs__}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        named: Mapping[str, Any] = value._asdict()
        return named
    return None


def is_structured(value: Any) -> bool:
    """Whether an untyped STRUCT takes the value: anything with fields, and lists."""
    if isinstance(value, (Mapping, list, tuple)) or is_model(value):
        return True
    return (is_data(value) and not is_frame(value)) or as_fields(value) is not None


def type_title(value: Any) -> str:
    """The name a schema would have as its title: the class of a dataclass or model; a dict has none."""
    return "" if isinstance(value, Mapping) else type(value).__name__


def to_plain(value: Any) -> Any:
    """One step towards plain data, for an object that msgpack does not know.

    Raises:
        TypeError: Nothing is known about such objects.
    """
    value = sdk_reference(value)
    if isinstance(value, (FileRef, DirectoryRef)):
        return {"path": value.uri}
    if isinstance(value, FrameRef):
        return {"uri": value.uri, "file_format": value.format}
    if isinstance(value, Unusable):
        raise TypeError(value.why)
    if isinstance(value, LocalData):
        raise TypeError(f"{value.path} is a path of this machine, and cannot be uploaded from in here; pass its URI")
    root = root_of(value)
    if root is not value:
        return root
    fields = as_fields(value)
    if fields is not None:
        return dict(fields)
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, dt.datetime):
        return datetime_text(value)
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, (set, frozenset)):
        return in_order(value)
    return _foreign(value)


def datetime_text(value: dt.datetime) -> str:
    """ISO 8601 with microseconds; pandas' own adds nanoseconds, which Python before 3.11 cannot read.

    Raises:
        TypeError: It is pandas' "not a time".
    """
    if not is_moment(value):
        raise TypeError("expected datetime, got NaT (pandas)")
    return dt.datetime.isoformat(value)


def in_order(value: Collection[Any]) -> list[Any]:
    """The elements of a set in an order that is the same in every process: texts hash differently in each."""
    try:
        return sorted(value)
    except TypeError:
        return sorted(value, key=repr)


def _foreign(value: Any) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(type(value), "__index__"):
        return operator.index(value)
    if any(base.__name__ in ("UUID", "Decimal") for base in type(value).__mro__):
        return str(value)
    raise TypeError(f"expected plain data (or a dataclass, model, datetime, enum), got {type(value).__qualname__}")


def _double(value: Any) -> Any:
    """A number that a protobuf Struct carries as it is: every number there is a double, and JSON has no infinity."""
    try:
        fits = math.isfinite(value) and float(value) == value
    except OverflowError:
        fits = False
    if not fits:
        raise TypeError(
            f"the number {str(value)[:40]} does not survive the old Struct format, whose numbers are doubles"
        )
    return value


def jsonable(value: Any, depth: int = 0) -> Any:
    """The value as JSON has it: every object converted, every key a text, bytes as base64.

    Raises:
        TypeError: Something in it cannot be converted, or would change its value.
        RecursionError: It is nested absurdly deep, or contains itself.
    """
    if depth > MAX_DEPTH:
        raise RecursionError(f"nested deeper than {MAX_DEPTH} levels")
    if value is None or isinstance(value, (str, bool)):
        return value.value if isinstance(value, enum.Enum) else value
    if isinstance(value, (int, float)):
        return _double(value.value if isinstance(value, enum.Enum) else value)
    if isinstance(value, (list, tuple)) and not hasattr(value, "_asdict"):
        return [jsonable(item, depth + 1) for item in value]
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else str(key): jsonable(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    return jsonable(to_plain(value), depth + 1)
