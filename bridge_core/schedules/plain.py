"""Schedules as plain JSON or YAML have them: ``cron`` with ``timezone``, or ``interval_minutes`` with ``start_time``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .cron import Cron
from .rate import FixedRate

__all__ = ["TICK", "schedule_of", "schedule_to_plain"]

TICK = "$trigger_time"
"""As the value of an input: the tick."""


def schedule_of(data: Mapping[str, Any]) -> Cron | FixedRate | None:
    """The schedule of a mapping that has its keys among others; None without one.

    Raises:
        InvalidRequest: It breaks a rule of `Cron` or `FixedRate`.
    """
    if data.get("cron") is not None:
        return Cron(data["cron"], timezone=data.get("timezone") or "UTC")
    if data.get("interval_minutes") is None:
        return None
    start = data.get("start_time")
    return FixedRate(
        data["interval_minutes"], start_time=datetime.fromisoformat(start) if isinstance(start, str) else start
    )


def schedule_to_plain(when: Cron | FixedRate | None) -> dict[str, Any]:
    """The reverse of `schedule_of`."""
    if when is None:
        return {}
    if isinstance(when, Cron):
        return {"cron": when.expression, "timezone": when.timezone}
    start = when.start_time.isoformat() if when.start_time else None
    return {"interval_minutes": when.interval_minutes, "start_time": start}
