"""Reads a cron expression as Flyte's servers do, and says what to write instead when they would refuse it.

The dialect is robfig/cron v3's ``ParseStandard`` (parser.go): five fields, ``@hourly`` and its like, ``@every 1h30m``, and
a leading ``CRON_TZ=Area/City`` or ``TZ=Area/City``. flytekit checks with croniter, which takes more and fires elsewhere:

| written | croniter 7, flytekit | robfig, Flyte, here |
|---|---|---|
| ``daily``, ``hours``, … | flytekit takes it | refused: ``@daily`` |
| six or seven fields (seconds, years) | taken | refused: exactly five |
| ``7`` as day of week | Sunday | refused: 0-6, Sunday is 0 |
| ``sat-sun``, ``22-2`` (ranges that wrap) | taken | refused: ``sat,sun``, ``22-23,0-2`` |
| ``L``, ``#``, ``H``, ``R`` | taken | refused |
| ``0-0`` as day of week | every day | Sunday |
| ``*/1`` in one day field, ``1`` in the other | every day: OR | "any", like ``*``: AND |
| ``0-6`` as day of week, a day of month too | any: AND | every weekday: OR, so every day |
| ``?`` | day fields only | ``*`` in any field |
| ``@every 5m``, ``CRON_TZ=…`` | refused | taken |
| a skipped clock | fires late, when clocks go on | does not fire that day |
| 30 February | error on iteration | refused at definition |

All arithmetic is ours, then, and ``tests/schedules`` holds it against robfig's own vectors everywhere, and against croniter
where no clock changes and the table has no line. Flyte builds robfig/cron from a fork, ``unionai/cron``
(flyteadmin ``go.mod``); what it adds is jobs that are told their tick (``TimedFuncJob``, used by flyteadmin's
``gocron_scheduler.go``). The vectors are the original's.

Refused here though a server takes it, because it cannot be meant: ``*-5`` (there: ``*``), ``1,,2``, a lone ``,``
(there: never), ``@every 500ms`` (there: 1 s).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from ..model.errors import InvalidRequest
from .calendar import Calendar
from .durations import parse_duration

__all__ = ["parse", "split_zone"]

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_LOOSE = {  # flytekit core/schedule.py, CronSchedule._VALID_CRON_ALIASES and their like
    "hour": "@hourly", "day": "@daily", "dai": "@daily", "week": "@weekly", "month": "@monthly", "year": "@yearly",
    "annual": "@yearly", "midnight": "@midnight",
}  # fmt: skip
_NUMBER = re.compile(r"\+?[0-9]{1,9}")
_FIELDS = 5


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    @property
    def range(self) -> str:
        words = f" or {self.names[0]}-{self.names[-1]}" if self.names else ""
        return f"{self.low}-{self.high}{words}"


_MINUTE = _Field("minute", 0, 59)
_HOUR = _Field("hour", 0, 23)
_DAY = _Field("day of month", 1, 31)
_MONTH = _Field("month", 1, 12, _MONTHS)
_WEEKDAY = _Field("day of week", 0, 6, _WEEKDAYS)


def split_zone(expression: str) -> tuple[str | None, str]:
    """Takes a leading ``CRON_TZ=Area/City`` (or ``TZ=``) off: zone or None, and the rest with single blanks.

    Raises:
        InvalidRequest: Nothing is left, or the zone is empty.
    """
    if not isinstance(expression, str) or not expression.strip():
        raise InvalidRequest(f"cron: wanted an expression like '0 3 * * 1-5' or '@daily', got {expression!r}")
    words = expression.split()
    if not words[0].startswith(("TZ=", "CRON_TZ=")):
        return None, " ".join(words)
    zone = words[0].partition("=")[2]
    if not zone or len(words) == 1:
        missing = "the zone" if not zone else "the schedule"
        raise InvalidRequest(f"cron {expression!r}: {missing} is missing; write 'CRON_TZ=Europe/Berlin 0 3 * * *'")
    return zone, " ".join(words[1:])


@lru_cache(maxsize=4096)  # thousands of triggers share few expressions
def parse(expression: str) -> Calendar | int:
    """Reads an expression without its zone.

    Returns:
        A calendar, or the seconds of ``@every``.

    Raises:
        InvalidRequest: A server would refuse it, or it never fires; the message names the field, the value, the range and
            a fix.
    """
    where = f"cron {expression!r}"
    if expression.startswith("@"):
        if expression == "@every" or expression.startswith("@every "):
            return parse_duration(expression[len("@every ") :], where)
        if expression not in _ALIASES:
            known = ", ".join(_ALIASES)
            hint = f"; write {expression.lower()!r}" if expression.lower() in _ALIASES else ""
            raise InvalidRequest(f"{where}: unknown name; known are {known} and '@every 15m'{hint}")
        return parse(_ALIASES[expression])
    fields = expression.split()
    if len(fields) != _FIELDS:
        raise InvalidRequest(f"{where}: wanted exactly 5 fields, found {len(fields)}{_count_hint(fields)}")
    minutes, _ = _mask(fields[0], _MINUTE, where)
    hours, _ = _mask(fields[1], _HOUR, where)
    days, any_day = _mask(fields[2], _DAY, where)
    months, _ = _mask(fields[3], _MONTH, where)
    weekdays, any_weekday = _mask(fields[4], _WEEKDAY, where)
    calendar = Calendar(
        minutes=minutes, hours=hours, days=days, months=months, weekdays=weekdays, both_days=any_day or any_weekday
    )
    if not calendar.ever_fires:
        raise InvalidRequest(
            f"{where}: never fires: no month in {fields[3]!r} has a day {fields[2]!r}; write '28' for a day that every "
            "month has, or '28-31' and let the workflow look for the last day"
        )
    return calendar


def _count_hint(fields: list[str]) -> str:
    if fields[0].startswith(("cron(", "rate(")):
        return "; this is AWS's spelling: write five fields without brackets, like '0 3 * * 1-5', or '@every 5m'"
    if len(fields) == 1:
        for stem, alias in _LOOSE.items():
            if fields[0].lower().startswith(stem):
                return f"; flytekit takes {fields[0]!r}, Flyte's scheduler does not: write {alias!r}"
    if len(fields) == _FIELDS + 1:
        if fields[-1] in ("*", "?") or re.fullmatch(r"\d{4}", fields[-1]):
            return f" (minute hour day month weekday); drop the year: write {' '.join(fields[:5])!r}"
        return (
            f" (minute hour day month weekday); Flyte knows no seconds: write {' '.join(fields[1:])!r}, or '@every 30s'"
        )
    return ": minute hour day month weekday, like '0 3 * * 1-5'"


def _mask(text: str, field: _Field, where: str) -> tuple[int, bool]:
    """Bits of a field, and whether it was written as "any"."""
    mask, any_value = 0, False
    for item in text.split(","):
        if not item:
            raise InvalidRequest(f"{where}: {field.name} {text!r} has an empty item; write {_without_empty(text)!r}")
        low, high, step, star = _range(item, field, f"{where}: {field.name} {item!r}")
        any_value |= star
        for value in range(low, high + 1, step):
            mask |= 1 << value
    return mask, any_value


def _without_empty(text: str) -> str:
    return ",".join(item for item in text.split(",") if item) or "*"


def _range(item: str, field: _Field, where: str) -> tuple[int, int, int, bool]:
    span, slash, step_text = item.partition("/")
    if "/" in step_text:
        raise InvalidRequest(f"{where}: more than one '/'; write start-end/step, like '{field.low}-{field.high}/2'")
    step = 1
    if slash:
        if not _NUMBER.fullmatch(step_text) or int(step_text) == 0:
            raise InvalidRequest(f"{where}: step {step_text!r} must be a whole number from 1 up, like '*/5'")
        step = int(step_text)
    if span in ("*", "?"):
        return field.low, field.high, step, step == 1
    first, hyphen, last = span.partition("-")
    low = _value(first, field, where)
    high = _value(last, field, where) if hyphen else field.high if slash else low
    if low > high:
        raise InvalidRequest(
            f"{where}: {first} comes after {last}, and ranges do not wrap; wanted {field.range} in order: write "
            f"'{first}-{field.high},{field.low}-{last}'"
        )
    return low, high, step, False


def _value(text: str, field: _Field, where: str) -> int:
    if text.lower() in field.names:
        return field.names.index(text.lower()) + field.low
    if _NUMBER.fullmatch(text):
        value = int(text)
        if field.low <= value <= field.high:
            return value
        hint = "; Sunday is 0" if field is _WEEKDAY and value == 7 else ""  # noqa: PLR2004
        raise InvalidRequest(f"{where}: {value} is out of range {field.range}{hint}; write {_nearest(value, field)}")
    raise InvalidRequest(f"{where}: {text!r} is not {field.range}{_letters_hint(text, field)}")


def _nearest(value: int, field: _Field) -> str:
    if field is _WEEKDAY and value == 7:  # noqa: PLR2004
        return "'0' or 'sun'"
    return f"a number from {field.low} to {field.high}, or '*' for every {field.name}"


def _letters_hint(text: str, field: _Field) -> str:
    upper = text.upper()
    if "L" in upper and field in (_DAY, _WEEKDAY):
        return "; Flyte knows no 'L' (last): write '28-31' and let the workflow look for the last day"
    if "#" in text:
        return "; Flyte knows no '#' (nth weekday): write the weekday alone and let the workflow look at the date"
    if upper.endswith("W"):
        return "; Flyte knows no 'W' (nearest working day): write '1-5' as day of week"
    if upper in ("H", "R") or upper.startswith(("H(", "R(")):
        return f"; Flyte knows no 'H' or 'R': write a number you chose, {field.low}-{field.high}"
    if text in ("*", "?"):
        return f"; '*' stands alone: write '*' or a range like '{field.low}-{field.high}'"
    return f"; write a number from {field.low} to {field.high}, '*', a range 'a-b', a step '*/n' or a list 'a,b'"
