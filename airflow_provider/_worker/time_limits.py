"""How long one try may take, and who said so."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

from bridge_core import seconds

__all__ = ["TimeLimits"]


class TimeLimits:
    """The limits of one try; Airflow 3 enforces ``execution_timeout`` only while a worker waits.

    Args:
        timeout: The operator's ``timeout``.
        execution_timeout: Airflow's, when the task is deferrable.
    """

    __slots__ = ("_given",)

    def __init__(self, timeout: float | timedelta | None, execution_timeout: timedelta | None) -> None:
        given = ((timeout, "timeout"), (execution_timeout, "execution_timeout"))
        self._given = [(limit, name) for raw, name in given if (limit := seconds(raw, name)) is not None]

    def deadline(self, ti: Any) -> float | None:
        """Unix time at which the waiting of this try ends; ``timeout`` counts from now, Airflow's from the try's start."""
        began = ti.start_date if isinstance(ti.start_date, datetime) else None
        begin = {"timeout": time.time(), "execution_timeout": began.timestamp() if began else time.time()}
        return min((begin[name] + limit for limit, name in self._given), default=None)

    def __str__(self) -> str:
        return next((f"its {name} of {length:g} s" for length, name in sorted(self._given)), "its timeout")
