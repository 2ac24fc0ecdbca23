"""Hands a task's trace and lineage on to its run, as variables: spans and lineage events of its tasks then belong to the Airflow
task. Nothing is set where neither is in use.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from bridge_core import BridgeError
from bridge_core import trace_variables as spans_variables

if TYPE_CHECKING:
    from bridge_core import Client, RunOptions, RunRef, RunSnapshot

__all__ = ["trace_nodes", "trace_variables", "traced"]

log = logging.getLogger("airflow.task.flyte")


def traced(options: RunOptions, ti: Any) -> RunOptions:
    """The options, with these variables besides their own, which win."""
    return options.with_variables(trace_variables(ti))


def trace_nodes(operator: Any, client: Client, run: RunSnapshot | RunRef) -> None:
    """Spans of the run's nodes under the task's, where the operator is told to; a trace must not fail a task.

    Args:
        operator: A `FlyteRunOperator`.
        client: Asks Flyte.
        run: It ended.
    """
    if not operator.trace_nodes:
        return
    try:
        log.info("run %s: %d nodes traced", getattr(run, "ref", run), client.trace_nodes(run))
    except BridgeError as error:
        log.info("the nodes of run %s were not traced: %s", getattr(run, "ref", run), error)


def trace_variables(ti: Any) -> dict[str, str]:
    """``TRACEPARENT`` and ``TRACESTATE`` (W3C) of the current span; ``OPENLINEAGE_PARENT_ID`` where that provider is installed.

    Args:
        ti: Airflow's task instance.
    """
    found = spans_variables()
    try:
        from airflow.providers.openlineage.plugins.macros import lineage_parent_id
    except ImportError:
        return found
    try:
        found["OPENLINEAGE_PARENT_ID"] = lineage_parent_id(ti)
    except Exception as error:  # noqa: BLE001  # lineage must not fail a task
        log.debug("no lineage parent: %r", error)
    return found
