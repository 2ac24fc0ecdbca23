"""How a DAG run knows its tick: ``data_interval_end``, which a `FlyteTriggerTimetable` sets to the tick in both of its modes."""

from __future__ import annotations

__all__ = ["tick_template"]


def tick_template() -> str:
    """A template that renders to the tick as ISO text."""
    return "{{ data_interval_end.isoformat() }}"
