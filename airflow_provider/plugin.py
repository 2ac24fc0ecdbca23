"""Registers `FlyteTriggerTimetable`, so that Airflow's scheduler may load it from a serialised DAG, and the sweeper's listener.

Found by the entry point ``airflow.plugins``: plugins in a provider's metadata are read only when ``lazy_discover_providers`` is
off (airflow/plugins_manager.py).
"""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from airflow_provider import listener
from airflow_provider.timetables.flyte import FlyteTriggerTimetable

__all__ = ["FlytePlugin"]


class FlytePlugin(AirflowPlugin):
    """Named in ``pyproject.toml``."""

    name = "flyte"
    timetables = [FlyteTriggerTimetable]
    listeners = [listener]
