"""Go's durations (``1h30m``), because ``@every`` is read by Go's ``time.ParseDuration`` on the server."""

from __future__ import annotations

import re
from fractions import Fraction

from ..model.errors import InvalidRequest

__all__ = ["parse_duration", "words"]

_PART = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)([a-zµμ]+)")  # Go takes both spellings of micro
_UNITS = {
    "ns": Fraction(1, 10**9),
    "us": Fraction(1, 10**6),
    "µs": Fraction(1, 10**6),
    "μs": Fraction(1, 10**6),
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "m": Fraction(60),
    "h": Fraction(3600),
}
_LONGEST = 2**63 // 10**9  # Go counts nanoseconds in 64 bits: about 292 years


def parse_duration(text: str, where: str) -> int:
    """Whole seconds of a Go duration.

    Raises:
        InvalidRequest: Not a Go duration, not positive, or not whole seconds: robfig/cron rounds ``500ms`` up and
            ``1.5s`` down to one second without a word (constantdelay.go), so we do not let it pass.
    """
    fix = "write hours, minutes and seconds like '@every 15m', '@every 1h30m' or '@every 90s'"
    sign = -1 if text.startswith("-") else 1
    body = text[1:] if text[:1] in ("+", "-") else text
    total, position = Fraction(0), 0
    while position < len(body):
        part = _PART.match(body, position)
        if part is None:
            if body.strip("0") == "":  # "0" is the one number Go takes without a unit
                break
            raise InvalidRequest(f"{where}: {text!r} is not a duration; {fix}")
        if part[2] not in _UNITS:
            hint = (
                "; a day is 24h" if part[2].startswith("d") else "; a week is 168h" if part[2].startswith("w") else ""
            )
            raise InvalidRequest(
                f"{where}: unknown unit {part[2]!r} in {text!r}; known are h, m, s, ms, us, ns{hint}; {fix}"
            )
        total += Fraction(part[1].rstrip(".")) * _UNITS[part[2]]
        position = part.end()
    total *= sign
    if not body:
        raise InvalidRequest(f"{where}: the duration is missing; {fix}")
    if total <= 0:
        raise InvalidRequest(f"{where}: the interval must be at least 1 s, got {text}; {fix}")
    if total.denominator != 1:
        raise InvalidRequest(f"{where}: the interval must be whole seconds, at least 1 s, got {text}; {fix}")
    if total >= _LONGEST:
        raise InvalidRequest(f"{where}: {text} is too long; at most {_LONGEST // 3600} h; {fix}")
    return int(total)


def words(seconds: int) -> str:
    """``1 hour 30 minutes``."""
    parts = []
    for unit, length in (("week", 604_800), ("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)):
        count, seconds = divmod(seconds, length)
        if count:
            parts.append(f"{count} {unit}{'s' * (count > 1)}")
    return " ".join(parts) or "0 seconds"
