"""Whether FlyteAdmin takes a cron expression: what the Go library robfig/cron v3 reads, in its words.

Kinder than this project's own `Cron` here and there: it takes days that never come and empty items of lists. Such schedules are
registered, activated, and fire as little as FlyteAdmin's scheduler fires them.
"""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

__all__ = ["cron_error"]

_MONTHS = {
    "jan": 1,
    "feb": 2,
    "mar": 3,
    "apr": 4,
    "may": 5,
    "jun": 6,
    "jul": 7,
    "aug": 8,
    "sep": 9,
    "oct": 10,
    "nov": 11,
    "dec": 12,
}
_DAYS = {"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}
_FIELDS: tuple[tuple[int, int, dict[str, int]], ...] = (
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, _MONTHS),
    (0, 6, _DAYS),
)
_DESCRIPTORS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_EVERY = "@every "
_GO_DURATION = re.compile(r"[-+]?([0-9]*(\.[0-9]*)?(ns|us|µs|μs|ms|s|m|h))+|[-+]?0")


def cron_error(spec: str) -> str | None:
    """What is wrong with an expression of five fields or a descriptor; None when it is taken."""
    if not spec:
        return "empty spec string"
    if spec.startswith(("TZ=", "CRON_TZ=")):
        zone, _, spec = spec.partition(" ")
        name = zone.partition("=")[2]
        if not _is_zone(name):
            return f"provided bad location {name}: unknown time zone {name}"
        spec = spec.strip()
    if spec.startswith("@"):
        return _descriptor_error(spec)
    fields = spec.split()
    if len(fields) != len(_FIELDS):
        return f"expected exactly {len(_FIELDS)} fields, found {len(fields)}: [{' '.join(fields)}]"
    for text, (least, most, names) in zip(fields, _FIELDS, strict=True):
        for item in filter(None, text.split(",")):
            error = _item_error(item, least, most, names)
            if error is not None:
                return error
    return None


def _descriptor_error(spec: str) -> str | None:
    if spec in _DESCRIPTORS:
        return None
    if spec.startswith(_EVERY):
        text = spec.removeprefix(_EVERY)
        if _GO_DURATION.fullmatch(text) and re.search(r"[0-9]", text):
            return None
        return f'failed to parse duration {spec}: time: invalid duration "{text}"'
    return f"unrecognized descriptor: {spec}"


def _item_error(item: str, least: int, most: int, names: dict[str, int]) -> str | None:
    if item.count("/") > 1:
        return f"too many slashes: {item}"
    span, slash, step = item.partition("/")
    start, end, error = _bounds(span, item, least, most, names, open_end=bool(slash))
    if error is None and slash:
        by, error = _number(step, {})
        if error is None and by == 0:
            error = f"step of range should be a positive number: {item}"
    if error is not None:
        return error
    if start < least:
        return f"beginning of range ({start}) below minimum ({least}): {item}"
    if end > most:
        return f"end of range ({end}) above maximum ({most}): {item}"
    if start > end:
        return f"beginning of range ({start}) beyond end of range ({end}): {item}"
    return None


def _bounds(
    span: str, item: str, least: int, most: int, names: dict[str, int], *, open_end: bool
) -> tuple[int, int, str | None]:
    """First and last of a range; ``N/step`` is open at its end."""
    low, dash, high = span.partition("-")
    if low in ("*", "?"):
        return least, most, None
    if span.count("-") > 1:
        return 0, 0, f"too many hyphens: {item}"
    start, error = _number(low, names)
    if error is not None or not dash:
        return start, most if open_end else start, error
    end, error = _number(high, names)
    return start, end, error


def _number(text: str, names: dict[str, int]) -> tuple[int, str | None]:
    named = names.get(text.lower())
    if named is not None:
        return named, None
    if not re.fullmatch(r"[+-]?[0-9]+", text, re.ASCII):
        return 0, f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax'
    if int(text) < 0:
        return 0, f"negative number ({int(text)}) not allowed: {text}"
    return int(text), None


def _is_zone(name: str) -> bool:
    if name in ("", "UTC", "Local"):
        return True
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True
