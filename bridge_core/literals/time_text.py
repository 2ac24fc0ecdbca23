"""Datetimes as text, and what else may stand for a time or a duration. Pure; knows no Flyte type."""

from __future__ import annotations

import datetime as dt
import numbers
from typing import Any

from ..model.durations import parse_duration

__all__ = ["as_span", "is_moment", "midnight", "parse_datetime"]


def is_moment(value: Any) -> bool:
    """Whether it is a datetime. pandas' "not a time" is an instance of the class, and differs from itself."""
    return isinstance(value, dt.datetime) and bool(value == value)  # noqa: PLR0124


def midnight(day: dt.date) -> dt.datetime:
    """What stands for a date where a datetime is wanted."""
    return dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)


def parse_datetime(text: str) -> dt.datetime | None:
    """An ISO-8601 text as datetime; None when it is none."""
    try:
        return dt.datetime.fromisoformat(text.strip().upper())
    except ValueError:
        return None


def as_span(value: Any) -> dt.timedelta | None:
    """The timedelta that a text or a number of seconds means; None when it is neither."""
    if isinstance(value, str):
        return parse_duration(value)
    number = value if type(value) is not bool and isinstance(value, numbers.Real) else None  # numpy's too
    if number is not None:
        try:
            return dt.timedelta(seconds=int(number) if isinstance(number, numbers.Integral) else float(number))
        except (OverflowError, ValueError, TypeError):  # too long; not a number; a timedelta64 of numpy
            return None
    return None
