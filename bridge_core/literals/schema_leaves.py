"""The leaves of a JSON schema: what each scalar type and format takes, and how it is written.

Formats are those of mashumaro (dataclasses) and pydantic; both keep times, ids and paths as text.
"""

from __future__ import annotations

import base64
import datetime as dt
import enum
import operator
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

from .coder import Job
from .problems import Where, show
from .scalars import exact_float, refused
from .times import iso_duration

__all__ = ["STRINGS", "Check", "anything", "enum_of", "expect", "integer", "number", "string", "time_delta"]

Check = Callable[[Any, Where, Job], Any]
"""Takes a value, gives plain data; problems go to the job."""


def anything(value: Any, where: Where, job: Job) -> Any:  # noqa: ARG001 - a Check
    """Takes everything."""
    return value


def expect(wanted: str) -> Check:
    """Takes nothing: values of the right type never come here."""

    def check(value: Any, where: Where, job: Job) -> Any:
        job.wrong(where, wanted, value)

    return check


def enum_of(options: list[Any]) -> Check:
    """One of some values."""
    listed = ", ".join(repr(int(o) if isinstance(o, float) and o.is_integer() else o) for o in options)

    def check(value: Any, where: Where, job: Job) -> Any:
        plain = value.value if isinstance(value, enum.Enum) else value
        # 1 == True in Python, and the schema's ints arrive as floats: compare bools with bools only.
        if any(plain == option and isinstance(plain, bool) is isinstance(option, bool) for option in options):
            return plain
        job.note(where, f"expected one of {listed}, got {show(value)}")
        return None

    return check


def integer(value: Any, where: Where, job: Job) -> Any:
    """An int, by ``__index__`` too; no bool."""
    if type(value) is int:
        return value
    if isinstance(value, enum.Enum):
        value = value.value
    if not isinstance(value, bool) and hasattr(type(value), "__index__"):
        try:
            return operator.index(value)
        except TypeError:
            pass
    job.wrong(where, "integer", value)
    return None


def number(value: Any, where: Where, job: Job) -> Any:
    """A float, or a number that a float holds exactly."""
    if type(value) is float:
        return value
    converted = exact_float(value.value if isinstance(value, enum.Enum) else value, job)
    if refused(converted):
        job.wrong(where, "float", value)
        return None
    return converted


def time_delta(value: Any, where: Where, job: Job) -> Any:
    """A duration as mashumaro writes it: a number of seconds."""
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    return number(value, where, job)


def string(value: Any, where: Where, job: Job) -> Any:
    """A text."""
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, str):
        return value
    job.wrong(where, "string", value)
    return None


def _string_from(wanted: str, kinds: tuple[type, ...], write: Callable[[Any], Any]) -> Check:
    def check(value: Any, where: Where, job: Job) -> Any:
        if isinstance(value, str):
            return value
        if isinstance(value, kinds):
            return write(value)
        job.wrong(where, wanted, value)
        return None

    return check


def _named(wanted: str) -> Check:
    """Classes recognised by name, so that nobody imports decimal or uuid for a value that is neither."""

    def check(value: Any, where: Where, job: Job) -> Any:
        if isinstance(value, str) or any(base.__name__.lower() == wanted for base in type(value).__mro__):
            return str(value)
        job.wrong(where, wanted, value)
        return None

    return check


def _isoformat(value: Any) -> Any:
    return value.isoformat()


STRINGS: dict[str, Check] = {
    "date-time": _string_from("datetime", (dt.datetime,), _isoformat),
    "date": _string_from("date", (dt.date,), _isoformat),
    "time": _string_from("time", (dt.time,), _isoformat),
    "duration": _string_from("duration", (dt.timedelta,), iso_duration),
    "path": _string_from("path", (PurePath,), str),
    "base64": _string_from("bytes", (bytes, bytearray), bytes),  # mashumaro's msgpack dialect keeps bytes
    "binary": _string_from("bytes", (bytes,), lambda raw: raw.decode("utf-8", "surrogateescape")),  # pydantic's JSON
    "base64url": _string_from("bytes", (bytes,), lambda raw: base64.urlsafe_b64encode(raw).decode()),
    "uuid": _named("uuid"),
    "decimal": _named("decimal"),
}
