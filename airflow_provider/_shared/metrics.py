"""Counters and gauges through Airflow's own metrics (``[metrics] statsd_on``, ``otel_on``): nothing is sent where those are off.

``flyte.launched``, ``flyte.attached``, ``flyte.superseded``, ``flyte.aborted``, ``flyte.reaped``, ``flyte.could_not_ask``; gauges
``flyte.waiting``: runs that this triggerer waits for; ``flyte.poll_age``: seconds since Flyte last answered for them;
``flyte.abort_overdue``: seconds by which the abort is late that the sweep owes for the longest time; ``flyte.sweep_age``: seconds
since it last looked everywhere.
"""

from __future__ import annotations

import logging

__all__ = ["count", "gauge"]

log = logging.getLogger("airflow.task.flyte")


def count(what: str, number: int = 1) -> None:
    """Adds to a counter."""
    _send("incr", what, number)


def gauge(what: str, value: float) -> None:
    """Sets a gauge."""
    _send("gauge", what, value)


def _send(verb: str, what: str, value: float) -> None:
    try:
        from airflow.providers.common.compat.sdk import Stats

        getattr(Stats, verb)(f"flyte.{what}", value)
    except Exception as error:  # noqa: BLE001  # a metrics server that is away must not fail a task
        log.debug("metric flyte.%s was not sent: %r", what, error)
