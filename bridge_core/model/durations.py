"""Durations: numbers of seconds and timedeltas at the public edge, and every text that says one.

Two dialects of text, because two others read them: Go's (`parse_go_duration`), which Flyte's servers and settings use, and
that of values (`parse_duration`): ISO 8601 as pydantic writes it, and a short form with days and weeks, as pyflyte reads it.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from datetime import timedelta
from typing import TYPE_CHECKING

from .errors import InvalidRequest
from .public import public

if TYPE_CHECKING:
    from fractions import Fraction

__all__ = ["NoDuration", "iso_duration", "microseconds", "parse_duration", "parse_go_duration", "seconds"]

_PART = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)([a-zµμ]+)")  # Go takes both spellings of micro
_UNITS = {
    "ns": (1, 10**9),
    "us": (1, 10**6),
    "µs": (1, 10**6),
    "μs": (1, 10**6),
    "ms": (1, 1000),
    "s": (1, 1),
    "m": (60, 1),
    "h": (3600, 1),
}
"""Seconds, exactly: numerator and denominator."""

_YEAR, _MONTH = 365, 30  # days

_ISO = (
    r"(?P<sign>[+-]?)P(?:(?P<years>\d+(?:\.\d+)?)Y)?(?:(?P<months>\d+(?:\.\d+)?)M)?"
    r"(?:(?P<weeks>\d+(?:\.\d+)?)W)?(?:(?P<days>\d+(?:\.\d+)?)D)?"
    r"(?:T(?:(?P<hours>\d+(?:\.\d+)?)H)?(?:(?P<minutes>\d+(?:\.\d+)?)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_SHORT = (
    r"(?P<sign>[+-]?)(?:(?P<weeks>\d+(?:\.\d+)?)w)?\s*(?:(?P<days>\d+(?:\.\d+)?)d)?\s*(?:(?P<hours>\d+(?:\.\d+)?)h)?\s*"
    r"(?:(?P<minutes>\d+(?:\.\d+)?)m)?\s*(?:(?P<seconds>\d+(?:\.\d+)?)s)?"
)


@public
def seconds(value: float | timedelta | None, name: str = "timeout", *, positive: bool = False) -> float | None:
    """Seconds of what the public edge accepts; None stays None.

    Args:
        value: A number of seconds or a timedelta.
        name: What it is, for the message.
        positive: Whether 0 is refused too.

    Raises:
        InvalidRequest: Something else, not finite, or negative.
    """
    if value is None:
        return None
    number = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        raise InvalidRequest(
            f"{name} must be a number of seconds or a timedelta, got {value!r} ({type(value).__name__})"
        )
    if number < 0 or (positive and number == 0):
        raise InvalidRequest(f"{name} must be {'more than 0' if positive else '0 or more'} seconds, got {value!r}")
    return float(number)


class NoDuration(ValueError):
    """A text is no duration of Go's.

    Attributes:
        unit: The unit that Go does not know; empty when something else is wrong.
    """

    def __init__(self, text: str, unit: str = "") -> None:
        super().__init__(f"{text!r} is no duration like 1h30m")
        self.unit = unit


def parse_go_duration(text: str) -> Fraction:
    """Seconds, exactly, of what Go's ``time.ParseDuration`` reads: ``1h30m``, ``1.5s``, ``-10ms``, ``0``.

    Raises:
        NoDuration: It reads no such thing.
    """
    from fractions import Fraction  # brings decimal with it, and few durations are texts

    sign = -1 if text.startswith("-") else 1
    body = text[1:] if text[:1] in ("+", "-") else text
    if not body:
        raise NoDuration(text)
    total, position = Fraction(0), 0
    while position < len(body):
        part = _PART.match(body, position)
        if part is None:
            if body.strip("0") == "":  # "0" is the one number Go takes without a unit
                break
            raise NoDuration(text)
        if part[2] not in _UNITS:
            raise NoDuration(text, part[2])
        total += Fraction(part[1].rstrip(".")) * Fraction(*_UNITS[part[2]])
        position = part.end()
    return sign * total


def parse_duration(text: str) -> dt.timedelta | None:
    """``PT1H30M``, ``P2D``, ``P1Y35D``, ``1h30m``, ``90s``; None when it is none of these.

    A year is 365 days and a month 30, as pydantic, which writes years, has them.
    """
    stripped = text.strip()
    match = re.fullmatch(_ISO, stripped.upper()) or re.fullmatch(_SHORT, stripped)  # compiled on use: 3 ms
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
