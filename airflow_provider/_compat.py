"""What differs between Airflow versions, or is a workaround for one: everything else imports `common.compat.sdk`."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import conf

__all__ = ["TaskDeferralTimeout", "first_event_floor", "sync_grace", "task_state"]

try:
    from airflow.sdk.exceptions import TaskDeferralTimeout
except ImportError:  # Airflow 2.11
    from airflow.exceptions import TaskDeferralTimeout  # type: ignore[no-redef]

_SECTION = "flyte"


def sync_grace() -> float:
    """Seconds that a deferrable task waits on its worker first (``[flyte] sync_grace``)."""
    return float(conf.getfloat(_SECTION, "sync_grace", fallback=3.0))


def first_event_floor() -> float:
    """Seconds between deferring and a trigger's first event (``[flyte] first_event_floor``).

    Airflow 3.3.2 fails a task whose trigger fires while the worker of its first leg is still being reaped, which happens up
    to ``min_heartbeat_interval`` late (apache/airflow#67287, fixed by #68741 and not released; #72716 is open). Delete when
    the oldest supported Airflow has both fixes.
    """
    configured = conf.get(_SECTION, "first_event_floor", fallback=None)
    if configured:
        return float(configured)
    return max(8.0, float(conf.getfloat("workers", "min_heartbeat_interval", fallback=5.0)) + 3.0)


def task_state(ti: Any) -> str | None:
    """What Airflow says this task instance is doing now; None when it knows no such task instance. Blocks.

    A mapped task instance is listed as ``<task_id>_<map_index>``.
    """
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    map_index = -1 if ti.map_index is None else ti.map_index
    states = RuntimeTaskInstance.get_task_states(
        dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id], map_index=map_index
    )
    state = states.get(ti.run_id, {}).get(ti.task_id if map_index < 0 else f"{ti.task_id}_{map_index}")
    return None if state is None else str(getattr(state, "value", state))
