"""A durable schedule runner, for teams that have no other scheduler at hand: ``flyte-bridge scheduler run triggers.yaml``.

How a tick launches once, whatever crashes: (1) a tick that is due is written down before anything is sent, together with the
cursor that says "decided up to here" (`store`); (2) its run name is made of trigger and tick (`Trigger.run_name`), so that
sending it again finds the run (`_operations.launch`); (3) after a crash, what is written down and not yet launched is sent
again. The leader lease (`lease`) only saves work: two leaders at once would still make one run per tick.
"""

from __future__ import annotations

from .backfill import Backfilled, backfill
from .clock import Clock
from .engine import default_state
from .entry import Entry, Missed, Overlap
from .file import TriggerFile, read_triggers
from .plan import AHEAD
from .runner import Scheduler
from .status import status, upcoming
from .store import Store

__all__ = [
    "AHEAD",
    "Backfilled",
    "Clock",
    "Entry",
    "Missed",
    "Overlap",
    "Scheduler",
    "Store",
    "TriggerFile",
    "backfill",
    "default_state",
    "read_triggers",
    "status",
    "upcoming",
]
