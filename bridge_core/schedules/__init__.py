"""When to launch what: `Cron`, `FixedRate`, `Trigger`, `TriggerTime`. Values; no clock, no network.

One definition for every scheduler: Flyte itself (`Client.deploy_trigger`), Airflow, Dagster, and our own runner
(`bridge_core.scheduler`).
"""

from __future__ import annotations

from .cron import Cron
from .deployed import DeployedTrigger
from .rate import FixedRate
from .trigger import Trigger, TriggerTime

__all__ = ["Cron", "DeployedTrigger", "FixedRate", "Trigger", "TriggerTime"]
