"""The link *Flyte log* while a run goes on: where the log of its running node is, as soon as anybody has asked about nodes."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from bridge_core import seconds

from .._shared.progress import LOG_KEY

if TYPE_CHECKING:
    from .kill import SyncKill

__all__ = ["show_log", "shown_log"]

log = logging.getLogger("airflow.task.flyte")


def show_log(operator: Any, ti: Any, kill: SyncKill, url: str) -> None:
    """Stores the link of a task that waits on a worker.

    Args:
        operator: A `FlyteRunOperator`.
        ti: Airflow's task instance.
        kill: What sees to signals; storing is a Task SDK call.
        url: Of the log.
    """
    with kill.looking_away():
        try:
            ti.xcom_push(key=LOG_KEY, value=url)
        except Exception as error:  # noqa: BLE001  # Airflow may be away for a moment: a link must not fail the wait
            log.warning("the link to the log was not stored: %r", error)
            return
    operator.log_url = url


def shown_log(operator: Any, ti: Any) -> str | None:
    """What the triggerer stored meanwhile: Airflow stores each link anew when a leg ends."""
    if not seconds(operator.progress_interval, "progress_interval"):
        return None
    found = ti.xcom_pull(task_ids=operator.task_id, key=LOG_KEY, map_indexes=ti.map_index)
    return found if isinstance(found, str) else None
