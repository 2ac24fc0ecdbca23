"""The leaves of a JSON schema: what each scalar type and format takes, and how it is written.

Formats are those of mashumaro (dataclasses) and pydantic; both keep times, ids and paths as text.
"""

from __future__ import annotations

import base64
import datetime as dt
import enum
import operator
import re
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

from ..model.durations import iso_duration, parse_duration
from .coder import Job
from .problems import Where, show
from .scalars import exact_float, is_numpy_bool, refused
from .time_text import as_span, is_moment, midnight, parse_datetime
from .to_plain import datetime_text

__all__ = [
    "STRINGS",
    "WRITERS",
    "Check",
    "anything",
    "boolean",
    "decimals_as_texts",
    "enum_of",
    "expect",
    "integer",
    "number",
    "string",
    "time_delta",
]

Check = Callable[[Any, Where, Job], Any]
"""Takes a value, gives plain data; problems go to the job."""

_DURATION = "duration (timedelta, seconds, or a text such as '1h30m')"
_NUMBER = re.compile(r"\s*[+-]?\d+(?:\.\d+)?\s*")  # pydantic reads it as seconds since 1970
_MIDNIGHT = dt.time()
_DATE_LENGTH = len("2024-12-31")


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
    if isinstance(value, enum.Enum):
        value = value.value
    if not isinstance(value, bool) and hasattr(type(value), "__index__"):
        try:
            return operator.index(value)
        except TypeError:
            pass
    job.wrong(where, "integer", value)
    return None


def boolean(value: Any, where: Where, job: Job) -> Any:
    """A bool, numpy's too."""
    if isinstance(value, bool) or is_numpy_bool(value):
        return bool(value)
    job.wrong(where, "boolean", value)
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
    span = parse_duration(value) if isinstance(value, str) else value
    if isinstance(span, dt.timedelta):
        return span.total_seconds()
    seconds = exact_float(span, job)
    if refused(seconds):
        job.wrong(where, _DURATION, value)
        return None
    return seconds


def string(value: Any, where: Where, job: Job) -> Any:
    """A text."""
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, str):
        return value
    job.wrong(where, "string", value)
    return None


def _written(wanted: str, write: Callable[[Any], Any]) -> Check:
    """Takes what can be written, and says what was wanted where `write` gives None."""

    def check(value: Any, where: Where, job: Job) -> Any:
        out = write(value)
        if out is None:
            job.wrong(where, wanted, value)
        return out

    return check


def _plain(*kinds: type, write: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Texts as they are, and objects of some classes."""
    return lambda value: value if isinstance(value, str) else write(value) if isinstance(value, kinds) else None


def _datetime(value: Any) -> str | None:
    if isinstance(value, str):
        return value if parse_datetime(value) or _NUMBER.fullmatch(value) else None
    if is_moment(value):
        return datetime_text(value)
    return midnight(value).isoformat() if type(value) is dt.date else None


def _date(value: Any) -> str | None:
    """A datetime only if it is midnight: its time would be lost, or refused by the task."""
    if isinstance(value, str):
        moment = parse_datetime(value)
        if _NUMBER.fullmatch(value) or (moment and moment.time() == _MIDNIGHT and len(value.strip()) <= _DATE_LENGTH):
            return value
        return _date(moment) if moment else None
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if is_moment(value) and value.time() == _MIDNIGHT else None
    return value.isoformat() if isinstance(value, dt.date) else None


def _time(value: Any) -> str | None:
    if isinstance(value, dt.time):
        return value.isoformat()
    try:
        return value if isinstance(value, str) and (_NUMBER.fullmatch(value) or dt.time.fromisoformat(value)) else None
    except ValueError:
        return None


def _duration(value: Any) -> str | None:
    """As ISO 8601; what only pydantic reads (``1 day, 02:00:00``) is left to it."""
    span = value if isinstance(value, dt.timedelta) else as_span(value)
    if span is not None and span == span:  # noqa: PLR0124  # NaT
        return value if isinstance(value, str) and "P" in value.upper() else iso_duration(span)
    return value if isinstance(value, str) and (":" in value or _NUMBER.fullmatch(value)) else None


def _uuid(value: Any) -> str | None:
    """Recognised by the name of its class, so that nobody imports uuid for a value that is none."""
    if not isinstance(value, str):
        return str(value) if _is_a(value, "UUID") else None
    from uuid import UUID

    try:
        return value if UUID(value) else None
    except ValueError:
        return None


def _decimal(value: Any) -> str | None:
    """A float is refused: which decimal it stands for is not known."""
    if _is_a(value, "Decimal") or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    from decimal import Decimal, InvalidOperation

    try:
        return value if isinstance(value, str) and Decimal(value) is not None else None
    except InvalidOperation:
        return None


def _is_a(value: Any, name: str) -> bool:
    return any(base.__name__ == name for base in type(value).__mro__)


def decimals_as_texts(check: Check) -> Check:
    """A check that meets a Decimal as its text."""
    return lambda value, where, job: check(str(value) if _is_a(value, "Decimal") else value, where, job)


def _utf8(value: bytes | bytearray) -> str | None:
    """What pydantic makes of bytes; it refuses others."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _text_bytes(value: Any, where: Where, job: Job) -> Any:
    out = WRITERS["binary"][1](value)
    if out is None and isinstance(value, (bytes, bytearray)):
        job.note(
            where,
            f"expected bytes that are UTF-8, because the model keeps them as a text (ser_json_bytes='base64' in its model_config "
            f"keeps all); got {show(value)}",
        )
    elif out is None:
        job.wrong(where, "bytes", value)
    return out


WRITERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "date-time": ("datetime (or date, or ISO-8601 text)", _datetime),
    "date": ("date (or ISO-8601 text)", _date),
    "time": ("time (or text such as '13:30:00')", _time),
    "duration": (_DURATION, _duration),
    "path": ("path", _plain(PurePath, write=str)),
    "base64": ("bytes", _plain(bytes, bytearray, write=bytes)),  # mashumaro's msgpack dialect keeps bytes
    "binary": ("bytes", _plain(bytes, bytearray, write=_utf8)),  # pydantic's JSON
    "base64url": ("bytes", _plain(bytes, bytearray, write=lambda raw: base64.urlsafe_b64encode(raw).decode())),
    "uuid": ("UUID (or its text)", _uuid),
    "decimal": ("Decimal (or int, or text)", _decimal),
}
"""By format: what is wanted, in words, and what is written for a value (None: it is not that).

A text is checked, too: a wrong one would fail minutes later, in the task.
"""

STRINGS: dict[str, Check] = {
    **{form: _written(wanted, write) for form, (wanted, write) in WRITERS.items()},
    "binary": _text_bytes,
}
"""The checks by format."""
