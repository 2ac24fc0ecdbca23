"""DATETIME and DURATION: microseconds and zones kept, naive means UTC.

The wire has nanoseconds, Python has microseconds: decoding cuts to microseconds, as flytekit does.
"""

# ruff: noqa: D102 - methods are described where Coder declares them

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from ..model.durations import microseconds
from .coder import Coder, Job
from .problems import Where, refusal
from .time_text import as_span, is_moment, midnight, parse_datetime

if TYPE_CHECKING:
    from flyteidl.core.literals_pb2 import Literal

__all__ = ["DatetimeCoder", "DurationCoder", "read_datetime", "read_duration"]

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class DatetimeCoder(Coder):
    """DATETIME: datetime (naive = UTC), date (midnight UTC), ISO-8601 text."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("datetime")

    def fill(self, out: Literal, value: Any, where: Where, job: Job) -> None:
        moment = value
        if isinstance(value, str):
            job.coerced = True
            moment = parse_datetime(value)
        if isinstance(moment, dt.date) and not isinstance(moment, dt.datetime):
            moment = midnight(moment)
        if not is_moment(moment):
            job.wrong(where, "datetime (or date, or ISO-8601 text)", value)
            return
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=dt.UTC)
        since = moment - _EPOCH  # exact: aware datetimes subtract in UTC
        wire = out.scalar.primitive.datetime
        wire.SetInParent()
        wire.seconds = since.days * 86400 + since.seconds
        wire.nanos = since.microseconds * 1000

    def read(self, literal: Literal, where: Where) -> Any:
        primitive = literal.scalar.primitive
        if primitive.WhichOneof("value") != "datetime":
            return self.read_other(literal, where)
        return read_datetime(literal, where)

    def plain(self, value: Any, where: Where) -> Any:
        if isinstance(value, str):
            moment = parse_datetime(value)
            if moment is None:
                raise refusal(where, f"expected datetime, got the text {value[:60]!r}")
            return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
        return value


class DurationCoder(Coder):
    """DURATION: timedelta, a number of seconds, or text: ISO-8601 (``PT1H``) or short (``1h30m``)."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("duration")

    def fill(self, out: Literal, value: Any, where: Where, job: Job) -> None:
        span = value if isinstance(value, dt.timedelta) else as_span(value)
        if span is None:
            job.wrong(where, "duration (timedelta, seconds, or a text such as '1h30m')", value)
            return
        job.coerced = job.coerced or span is not value
        total = microseconds(span)
        seconds, micros = divmod(abs(total), 1_000_000)
        sign = -1 if total < 0 else 1
        wire = out.scalar.primitive.duration
        wire.SetInParent()
        wire.seconds = sign * seconds
        wire.nanos = sign * micros * 1000

    def read(self, literal: Literal, where: Where) -> Any:
        primitive = literal.scalar.primitive
        if primitive.WhichOneof("value") != "duration":
            return self.read_other(literal, where)
        return read_duration(literal, where)

    def plain(self, value: Any, where: Where) -> Any:
        span = as_span(value)
        if span is None:
            raise refusal(where, f"expected duration, got {value!r:.60}")
        return span


def read_datetime(literal: Literal, where: Where) -> dt.datetime:
    """The aware UTC datetime of a literal that holds one."""
    wire = literal.scalar.primitive.datetime
    try:
        return _EPOCH + dt.timedelta(seconds=wire.seconds, microseconds=wire.nanos // 1000)
    except OverflowError:
        raise refusal(where, f"datetime {wire.seconds} s since 1970 is outside Python's years 1 to 9999") from None


def read_duration(literal: Literal, where: Where) -> dt.timedelta:
    """The timedelta of a literal that holds one, cut towards zero."""
    wire = literal.scalar.primitive.duration
    nanos = wire.seconds * 1_000_000_000 + wire.nanos
    micros = abs(nanos) // 1000
    try:
        return dt.timedelta(microseconds=-micros if nanos < 0 else micros)
    except OverflowError:
        raise refusal(where, f"duration of {wire.seconds} s is longer than Python's timedelta") from None
