"""What ``@every`` may be: a duration that Go's ``time.ParseDuration`` reads on the server, in whole seconds."""

from __future__ import annotations

from ..model.durations import NoDuration, parse_go_duration
from ..model.errors import InvalidRequest

__all__ = ["parse_duration", "words"]

_LONGEST = 2**63 // 10**9  # Go counts nanoseconds in 64 bits: about 292 years


def parse_duration(text: str, where: str) -> int:
    """Whole seconds of a Go duration.

    Raises:
        InvalidRequest: Not a Go duration, not positive, or not whole seconds: robfig/cron rounds ``500ms`` up and
            ``1.5s`` down to one second without a word (constantdelay.go), so we do not let it pass.
    """
    fix = "write hours, minutes and seconds like '@every 15m', '@every 1h30m' or '@every 90s'"
    try:
        total = parse_go_duration(text)
    except NoDuration as wrong:
        if text.lstrip("+-") == "":
            raise InvalidRequest(f"{where}: the duration is missing; {fix}") from None
        if not wrong.unit:
            raise InvalidRequest(f"{where}: {text!r} is not a duration; {fix}") from None
        hint = (
            "; a day is 24h" if wrong.unit.startswith("d") else "; a week is 168h" if wrong.unit.startswith("w") else ""
        )
        raise InvalidRequest(
            f"{where}: unknown unit {wrong.unit!r} in {text!r}; known are h, m, s, ms, us, ns{hint}; {fix}"
        ) from None
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
