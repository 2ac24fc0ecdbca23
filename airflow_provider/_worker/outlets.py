"""What the events of a task's outlet assets say about the run that made them, for the DAGs that they start.

Set in the leg that ends the task: Airflow forgets what was set before it deferred.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bridge_core import RunSnapshot

__all__ = ["tell_outlets"]

_LIMIT = 16 * 1024
"""Bytes of JSON: an event is read by every DAG that it starts."""


def tell_outlets(
    context: Mapping[str, Any], outlets: Iterable[Any], snapshot: RunSnapshot, outputs: Mapping[str, Any] | None
) -> None:
    """Puts run, entity, console and small outputs into ``extra["flyte"]`` of each outlet's event.

    Args:
        context: Airflow's.
        outlets: Of the task.
        snapshot: The run.
        outputs: As XComs hold them. None: they were not fetched.
    """
    events = context.get("outlet_events")
    if events is None:
        return
    told = {
        "run": snapshot.ref.to_dict(),
        "entity": str(snapshot.entity) if snapshot.entity else None,
        "console_url": snapshot.console_url,
        "outputs": _small(outputs or {}),
    }
    for outlet in outlets:
        if hasattr(outlet, "uri"):  # no alias: what that stands for is the DAG author's to say
            events[outlet].extra["flyte"] = told


def _small(outputs: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    room = _LIMIT
    for name, value in outputs.items():
        text = json.dumps(value, default=str)
        room -= len(text)
        if room >= 0:
            kept[name] = json.loads(text)
    return kept
