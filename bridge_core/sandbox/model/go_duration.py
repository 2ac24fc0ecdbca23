"""Durations as Go prints them: ``2h0m0s``, ``1m30s``, ``1.5s``, ``250ms``."""

from __future__ import annotations

from typing import Any

__all__ = ["as_nanoseconds", "go_duration"]

_SECOND = 1_000_000_000
_MOST = (1 << 63) - 1  # a Go int64


def as_nanoseconds(duration: Any) -> int:
    """A protobuf Duration as Go's ``AsDuration`` gives it: what is too long ends at 292 years."""
    return max(-_MOST - 1, min(_MOST, int(duration.seconds) * _SECOND + int(duration.nanos)))


def go_duration(nanoseconds: int) -> str:
    """A duration as Go's ``time.Duration`` prints it."""
    sign, left = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    if left == 0:
        return "0s"
    for unit, size in (("ns", 1), ("µs", 1_000), ("ms", 1_000_000)):
        if left < size * 1000:
            return f"{sign}{_decimal(left, size)}{unit}"
    minutes, rest = divmod(left, 60 * _SECOND)
    hours, minutes = divmod(minutes, 60)
    text = f"{_decimal(rest, _SECOND)}s"
    if minutes or hours:
        text = f"{minutes}m{text}"
    return f"{sign}{hours}h{text}" if hours else f"{sign}{text}"


def _decimal(value: int, size: int) -> str:
    whole, rest = divmod(value, size)
    digits = str(rest).zfill(len(str(size)) - 1).rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)
