"""Counters and gauges: to OpenTelemetry where the process uses it, and into the event log of the Dagster run where the resource
says so (``metrics_in_event_log``). Nothing is sent, and nothing imported, where neither is.

``flyte.launched``, ``flyte.attached`` (a try found its run), ``flyte.aborted``, ``flyte.could_not_ask``, ``flyte.reaped``,
``flyte.reported`` (orphans that the reaper sensor only told of), ``flyte.observed`` (events of runs that Dagster did not start);
gauges ``flyte.waiting`` (runs that this process waits for), ``flyte.owed`` (runs that the reaper sensor keeps an eye on) and
``flyte.abort_overdue`` (seconds by which the abort is late that the reaper sensor owes for the longest time).
"""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg

from ._compat import report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._compat import StepContext

__all__ = ["IN_EVENT_LOG", "Metrics"]

IN_EVENT_LOG = "flyte/metrics/"
"""What keys of the event's metadata begin with."""


class Metrics:
    """Of one step, or of one tick of a sensor."""

    def __init__(self) -> None:
        self._counted: Counter[str] = Counter()

    def count(self, what: str, number: int = 1) -> None:
        """Adds to a counter."""
        if number:
            self._counted[what] += number
            if (meter := _meter()) is not None:
                meter.create_counter(f"flyte.{what}").add(number)

    def gauge(self, what: str, value: float) -> None:
        """Sets a gauge."""
        if (meter := _meter()) is not None:
            meter.create_gauge(f"flyte.{what}").set(value)

    @contextmanager
    def waiting(self, number: int) -> Iterator[None]:
        """So many runs more are waited for meanwhile."""
        meter = _meter()
        runs = None if meter is None else meter.create_up_down_counter("flyte.waiting")
        if runs is not None:
            runs.add(number)
        try:
            yield
        finally:
            if runs is not None:
                runs.add(-number)

    def log(self, context: StepContext, step: str) -> None:
        """Writes what was counted as one event of the step; none when nothing was."""
        if self._counted:
            metadata = {IN_EVENT_LOG + what: dg.MetadataValue.int(number) for what, number in self._counted.items()}
            words = ", ".join(f"{what} {number}" for what, number in self._counted.items())
            report(context.instance, context.run, f"Flyte runs of this try: {words}", metadata, step)


def _meter() -> Any:
    """None where the application has not imported OpenTelemetry: this library never does it first."""
    if "opentelemetry.metrics" not in sys.modules:
        return None
    from opentelemetry import metrics

    return metrics.get_meter("dagster_integration")
