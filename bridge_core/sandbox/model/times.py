"""Wall-clock time in the forms the wire and the store want. Durations are measured with monotonic clocks elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

__all__ = ["now", "parse_text", "seconds_between", "to_text"]


def now() -> Any:
    """The present as a protobuf timestamp, in microseconds like the rest of Flyte's records."""
    stamp = Timestamp()
    stamp.FromDatetime(datetime.now(UTC))
    return stamp


def to_text(stamp: Any) -> str:
    """RFC 3339 with fixed six digits, so that text order is time order in the store. Empty for an unset timestamp."""
    if not stamp.seconds and not stamp.nanos:
        return ""
    return str(stamp.ToDatetime(tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"))


def parse_text(text: str) -> str | None:
    """Normalises an RFC 3339 time to the form of `to_text`; None when it is no time."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=UTC)
    return parsed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def seconds_between(start: Any, end: Any) -> float:
    """Seconds from one timestamp to a later one; 0 when the clock was set back or the start is unset."""
    if not start.seconds:
        return 0.0
    return max(0.0, float(end.ToNanoseconds() - start.ToNanoseconds()) / 1e9)
