"""Datetimes and durations as text: ISO 8601, and the short form of durations (``1h30m``). Pure; knows no Flyte type."""

from __future__ import annotations

import datetime as dt
import numbers
import re
from typing import Any

__all__ = ["as_span", "is_moment", "iso_duration", "microseconds", "midnight", "parse_datetime", "parse_duration"]

_YEAR, _MONTH = 365, 30  # days

_ISO = re.compile(
    r"(?P<sign>[+-]?)P(?:(?P<years>\d+(?:\.\d+)?)Y)?(?:(?P<months>\d+(?:\.\d+)?)M)?"
    r"(?:(?P<weeks>\d+(?:\.\d+)?)W)?(?:(?P<days>\d+(?:\.\d+)?)D)?"
    r"(?:T(?:(?P<hours>\d+(?:\.\d+)?)H)?(?:(?P<minutes>\d+(?:\.\d+)?)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_SHORT = re.compile(
    r"(?P<sign>[+-]?)(?:(?P<weeks>\d+(?:\.\d+)?)w)?\s*(?:(?P<days>\d+(?:\.\d+)?)d)?\s*(?:(?P<hours>\d+(?:\.\d+)?)h)?\s*"
    r"(?:(?P<minutes>\d+(?:\.\d+)?)m)?\s*(?:(?P<seconds>\d+(?:\.\d+)?)s)?"
)


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


def parse_duration(text: str) -> dt.timedelta | None:
    """``PT1H30M``, ``P2D``, ``P1Y35D``, ``1h30m``, ``90s``; None when it is none of these.

    A year is 365 days and a month 30, as pydantic, which writes years, has them.
    """
    stripped = text.strip()
    match = _ISO.fullmatch(stripped.upper()) or _SHORT.fullmatch(stripped)
    parts = {k: float(v) for k, v in match.groupdict().items() if v and k != "sign"} if match else {}
    if not parts or stripped.upper().endswith("T"):
        return None
    parts["days"] = parts.get("days", 0.0) + _YEAR * parts.pop("years", 0.0) + _MONTH * parts.pop("months", 0.0)
    try:
        span = dt.timedelta(**parts)
    except OverflowError:
        return None
    return -span if match and match["sign"] == "-" else span


def microseconds(span: dt.timedelta) -> int:
    """The whole of a timedelta; subclasses (pendulum's, pandas') compute with themselves only, or count otherwise."""
    days, seconds, rest = (
        part.__get__(span) for part in (dt.timedelta.days, dt.timedelta.seconds, dt.timedelta.microseconds)
    )
    return (days * 86400 + seconds) * 1_000_000 + rest  # type: ignore[no-any-return]


def iso_duration(span: dt.timedelta) -> str:
    """A timedelta as pydantic writes it: ``P1Y35D``, ``P1DT1M30.5S``, ``PT0S``, ``-PT5S``."""
    total = microseconds(span)
    sign = "-" if total < 0 else ""
    seconds, micros = divmod(abs(total), 1_000_000)
    days, seconds = divmod(seconds, 86400)
    years, days = divmod(days, _YEAR)
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    fraction = f".{micros:06d}".rstrip("0") if micros else ""
    time = "".join(
        [f"{hours}H" * bool(hours), f"{minutes}M" * bool(minutes), f"{seconds}{fraction}S" * bool(seconds or micros)]
    )
    date = f"{years}Y" * bool(years) + f"{days}D" * bool(days)
    return f"{sign}P{date}T{time}" if time else f"{sign}P{date}" if date else "PT0S"


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
