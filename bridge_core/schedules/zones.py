"""Time zones by name, and the two conversions that cron arithmetic needs, exactly as Go does them.

Everything here counts whole seconds since 1970 in UTC. Python's aware datetimes are kept out of the arithmetic on purpose:
two readings of a repeated hour in one zone compare equal (PEP 495), so they cannot be ordered.
"""

from __future__ import annotations

from calendar import timegm
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from ..model.errors import InvalidRequest

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = ["aware", "date_to_epoch", "epoch", "load_zone", "local", "utc"]

_EPOCH_DAY = date(1970, 1, 1).toordinal()


def load_zone(name: str, where: str) -> ZoneInfo:
    """The IANA zone of this name.

    Args:
        name: ``Area/City`` or ``UTC``, spelled as in the database: servers look it up as a file, so case counts.
        where: What the name belongs to, for the message.

    Raises:
        InvalidRequest: No such zone; the message proposes the nearest names.
    """
    import zoneinfo

    if isinstance(name, str) and name:
        try:
            return zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            pass
    import difflib

    known = {zone.lower(): zone for zone in zoneinfo.available_timezones()}
    near = difflib.get_close_matches(str(name).lower(), known, n=3, cutoff=0.6)
    hint = f"; did you mean {' or '.join(known[item] for item in near)}?" if near else ", like 'Europe/Berlin' or 'UTC'"
    raise InvalidRequest(f"{where}: timezone {name!r} is not in the IANA database; wanted Area/City{hint}")


def local(seconds: int, zone: ZoneInfo) -> datetime:
    """The wall clock of a zone at an instant."""
    return datetime.fromtimestamp(seconds, zone)


def date_to_epoch(
    year: int, month: int, day: int, zone: ZoneInfo, *, hour: int = 0, minute: int = 0, second: int = 0
) -> int:
    """Go's ``time.Date``: the instant of a wall clock; month, day and hour may overflow.

    A skipped or repeated wall clock is read with the offset in force at ``clock - offset(clock)`` (Go src/time/time.go,
    ``Date``): cron fire times around a shift depend on that choice.
    """
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    days = date(year, month, 1).toordinal() - _EPOCH_DAY + day - 1
    clock = days * 86400 + hour * 3600 + minute * 60 + second
    return clock - _offset(clock - _offset(clock, zone), zone)


def _offset(seconds: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(seconds, zone).utcoffset()
    assert offset is not None
    return offset.days * 86400 + offset.seconds


def aware(moment: datetime, where: str) -> datetime:
    """The same moment, after checking that it says in which zone it is.

    Raises:
        InvalidRequest: It does not.
    """
    if not isinstance(moment, datetime):
        raise InvalidRequest(f"{where}: wanted a datetime with a time zone, got {moment!r}")
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise InvalidRequest(
            f"{where}: {moment.isoformat()} has no time zone, so it names no moment; write datetime(…, tzinfo=UTC), or "
            "…Z in text"
        )
    return moment


def epoch(moment: datetime) -> int:
    """Whole seconds since 1970, rounded down. Without subtracting: pendulum's moments, Airflow's, have another difference."""
    return timegm(moment.utctimetuple())


def utc(seconds: int) -> datetime:
    """The aware datetime in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
