"""The name that the scheduler of Flyte 2 gives the run of a tick: whoever knows it finds that run without a list.

``r`` and the FNV-1 hash, 64 bits, in hexadecimal without leading zeros, of
``project:domain:task:trigger:year:month:day:hour:minute:second``, in UTC, numbers unpadded (trigger_executor.go; checked against
ticks that the open-source server fired).
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from ..model.ids import RunRef

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["tick_run"]

_OFFSET, _PRIME, _MASK = 0xCBF29CE484222325, 0x100000001B3, 0xFFFFFFFFFFFFFFFF


def tick_run(project: str, domain: str, task: str, trigger: str, tick: datetime) -> RunRef:
    """The run that Flyte 2 makes of a tick.

    Args:
        project: Of the trigger.
        domain: Of the trigger.
        task: Name of its task.
        trigger: Its name.
        tick: When it fires; with a zone.
    """
    at = tick.astimezone(UTC)
    parts = (project, domain, task, trigger, at.year, at.month, at.day, at.hour, at.minute, at.second)
    hashed = _OFFSET
    for byte in ":".join(map(str, parts)).encode():  # FNV-1: multiply, then xor
        hashed = (hashed * _PRIME & _MASK) ^ byte
    return RunRef(project, domain, f"r{hashed:x}")
