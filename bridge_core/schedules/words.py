"""What a schedule means, in a sentence: for consoles, log lines, and for the author who wants to be sure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .calendar import Calendar

__all__ = ["describe_calendar"]

_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
           "December")  # fmt: skip
_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_ALL_HOURS = (1 << 24) - 1
_ALL_MONTHS = (1 << 13) - 2
_ALL_DAYS = (1 << 32) - 2
_ALL_WEEKDAYS = (1 << 7) - 1
_CLOCKS = 6  # as many single times as one still reads


def describe_calendar(calendar: Calendar, timezone: str) -> str:
    """``at 03:00 on Monday to Friday in January (Europe/Berlin)``."""
    text = _time(_values(calendar.minutes), _values(calendar.hours))
    day = "" if calendar.days == _ALL_DAYS else f"on day {_list(_values(calendar.days), str)} of the month"
    week = (
        "" if calendar.weekdays == _ALL_WEEKDAYS else f"on {_list(_values(calendar.weekdays), _WEEKDAYS.__getitem__)}"
    )
    parts = [item for item in (day, week) if item]
    if not calendar.both_days:  # one of them is enough, even when it is every day
        parts = [f"{day} or {week}"] if len(parts) > 1 else []
    text = " ".join((text, *(parts or ["every day"] if calendar.hours != _ALL_HOURS else parts)))
    if calendar.months != _ALL_MONTHS:
        text += f" in {_list(_values(calendar.months), lambda month: _MONTHS[month - 1])}"
    return f"{text} ({timezone})"


def _time(minutes: list[int], hours: list[int]) -> str:
    if len(minutes) * len(hours) <= _CLOCKS:
        clocks = [f"{hour:02}:{minute:02}" for hour in hours for minute in minutes]
        return f"at {_join(clocks)}"
    every = _step(minutes, 60)
    if every == 1:
        text = "every minute"
    elif every:
        text = f"every {every} minutes"
    elif minutes == [0]:
        text = "on the hour"
    else:
        text = f"at minute {_list(minutes, str)}"
    if len(hours) == 24:  # noqa: PLR2004
        return "every hour, on the hour" if minutes == [0] else text if every else f"{text} of every hour"
    step = _step(hours, 24)
    return f"{text} of every {step}th hour" if step else f"{text} of hour {_list(hours, lambda hour: f'{hour:02}')}"


def _step(values: list[int], size: int) -> int:
    """Step n when the values are what ``*/n`` says and n divides the size; else 0."""
    step = values[1] - values[0] if len(values) > 1 else 0
    return step if step and size % step == 0 and values == list(range(0, size, step)) else 0


def _values(mask: int) -> list[int]:
    return [bit for bit in range(mask.bit_length()) if mask >> bit & 1]


def _list(values: list[int], name: object) -> str:
    """``a, b and d to f``: runs of three and more are ranges."""
    assert callable(name)
    out: list[str] = []
    start = 0
    for index in range(1, len(values) + 1):
        if index < len(values) and values[index] == values[index - 1] + 1:
            continue
        run = values[start:index]
        out.extend([f"{name(run[0])} to {name(run[-1])}"] if len(run) > 2 else [name(item) for item in run])  # noqa: PLR2004
        start = index
    return _join(out)


def _join(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
