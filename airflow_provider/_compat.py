"""What differs between Airflow versions, or is a workaround for one: everything else imports `common.compat.sdk`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from airflow.providers.common.compat.sdk import conf

__all__ = [
    "NO_STATE",
    "TaskDeferralTimeout",
    "ask_connection",
    "ask_task_states",
    "ask_xcom",
    "first_event_floor",
    "has_asset_state",
    "has_on_kill",
    "has_template",
    "is_dag_test",
    "is_native",
    "outputs_limit",
    "state_in",
    "store_xcom",
    "sync_grace",
    "task_state",
]

try:
    from airflow.sdk.exceptions import TaskDeferralTimeout
except ImportError:  # before Airflow 3.2
    from airflow.exceptions import TaskDeferralTimeout  # type: ignore[no-redef]

IS_AIRFLOW_2 = find_spec("airflow.sdk") is None

_SECTION = "flyte"


def sync_grace() -> float:
    """Seconds that a deferrable task waits on its worker first (``[flyte] sync_grace``)."""
    return float(conf.getfloat(_SECTION, "sync_grace", fallback=3.0))


def outputs_limit() -> int:
    """Bytes above which an output stays in Flyte (``[flyte] outputs_limit``)."""
    return int(conf.getint(_SECTION, "outputs_limit", fallback=1024 * 1024))


def has_template(text: str, jinja_env: Any) -> bool:
    """Whether there is anything in the text that this Jinja environment would render."""
    env = jinja_env
    begins = (env.variable_start_string, env.block_start_string, env.comment_start_string)
    return bool(env.line_statement_prefix or env.line_comment_prefix) or any(begin in text for begin in begins)


def is_native(operator: Any) -> bool:
    """Whether Airflow renders the templates of this operator as native objects."""
    own = getattr(operator, "render_template_as_native_obj", None)
    return bool(getattr(operator.get_dag(), "render_template_as_native_obj", False) if own is None else own)


def is_dag_test(context: Mapping[str, Any]) -> bool:
    """Whether ``airflow dags test`` runs this task.

    It runs the trigger itself and calls the waiting task ``queued`` meanwhile. The triggerer of an Airflow that runs on the same
    database takes the trigger too, and is told to drop it because its task does not look deferred (3.3.2).
    """
    return getattr(context.get("dag_run"), "triggering_user_name", None) == "dag_test"


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


NO_STATE = "none"
"""A task instance that Airflow has and that has no state: it was reset, and is about to be scheduled again."""


def task_state(ti: Any) -> str | None:
    """What Airflow says this task instance is doing now; None when it knows no such task instance. Blocks.

    A mapped task instance is listed as ``<task_id>_<map_index>``.
    """
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    map_index = -1 if ti.map_index is None else ti.map_index
    states = RuntimeTaskInstance.get_task_states(
        dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id], map_index=map_index
    )
    return state_in(states, ti)


def state_in(states: Mapping[str, Mapping[str, Any]], ti: Any) -> str | None:
    """The state of this task instance in an answer of Airflow's, as in `task_state`."""
    mapped = ti.map_index is not None and ti.map_index >= 0
    states_of_run = states.get(ti.run_id, {})
    key = f"{ti.task_id}_{ti.map_index}" if mapped else ti.task_id
    if key not in states_of_run:
        return None
    state = states_of_run[key]
    return NO_STATE if state is None else str(getattr(state, "value", state))


async def ask_connection(conn_id: str) -> Any:
    """A connection, on an event loop, its secrets registered with Airflow's masker.

    What common-compat has for that came with 1.20 or so, and the constraints of Airflow 3.1 and 3.2 pin older ones. Before
    Airflow 3.3.2 the masker is told by a call that must not be made on an event loop (apache/airflow#72895): a thread makes it.

    Raises:
        AirflowNotFoundException: There is none.
        Exception: Whatever Airflow raises when it cannot be asked.
    """
    from airflow.providers.common.compat.sdk import BaseHook, Connection

    if hasattr(Connection, "aextra_dejson"):
        connection = await BaseHook.aget_connection(conn_id)
        await connection.aextra_dejson()
        return connection
    from asgiref.sync import sync_to_async

    def ask() -> Any:
        found = BaseHook.get_connection(conn_id)
        _ = found.extra_dejson
        return found

    return await sync_to_async(ask)()


async def ask_task_states(
    dag_id: str, *, run_ids: list[str], task_ids: list[str], map_index: int | None
) -> Mapping[str, Mapping[str, Any]]:
    """Run id -> task -> state, in one question, on a triggerer's event loop; `state_in` reads it. Uses no thread.

    Args:
        dag_id: Whose tasks.
        run_ids: Of these DAG runs.
        task_ids: These tasks.
        map_index: -1 for tasks that are not mapped; None for all of mapped ones.

    Raises:
        Exception: Whatever Airflow raises or answers when it cannot be asked.
    """
    from airflow.sdk.execution_time.comms import GetTaskStates, TaskStatesResult
    from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS

    answer = await SUPERVISOR_COMMS.asend(
        GetTaskStates(dag_id=dag_id, run_ids=run_ids, task_ids=task_ids, map_index=map_index)
    )
    if not isinstance(answer, TaskStatesResult):
        raise ConnectionError(f"Airflow answered {answer!r} when asked for the states of tasks of {dag_id}")
    return answer.task_states


async def ask_xcom(ti: Any, key: str) -> Any:
    """An XCom of this task instance, on a triggerer's event loop; None when there is none. Uses no thread.

    `XCom.aget_value` came with Airflow 3.3.
    """
    from airflow.providers.common.compat.sdk import XCom
    from airflow.sdk.execution_time.comms import GetXCom, XComResult
    from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS

    map_index = -1 if ti.map_index is None else ti.map_index
    answer = await SUPERVISOR_COMMS.asend(
        GetXCom(key=key, dag_id=ti.dag_id, run_id=ti.run_id, task_id=ti.task_id, map_index=map_index)
    )
    if not isinstance(answer, XComResult):
        raise ConnectionError(f"Airflow answered {answer!r} when asked for XCom {key} of {ti.dag_id}.{ti.task_id}")
    return None if answer.value is None else XCom.deserialize_value(answer)


async def store_xcom(ti: Any, key: str, value: str) -> None:
    """Stores an XCom of this task instance, on a triggerer's event loop. Uses no thread.

    `XCom.aset` is not there (3.3.2).
    """
    from airflow.sdk.execution_time.comms import ErrorResponse, SetXCom
    from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS

    map_index = -1 if ti.map_index is None else ti.map_index
    answer = await SUPERVISOR_COMMS.asend(
        SetXCom(key=key, value=value, dag_id=ti.dag_id, run_id=ti.run_id, task_id=ti.task_id, map_index=map_index)
    )
    if isinstance(answer, ErrorResponse):
        raise ConnectionError(f"Airflow answered {answer!r} when XCom {key} of {ti.dag_id}.{ti.task_id} was stored")


def has_asset_state() -> bool:
    """Whether Airflow keeps states of assets (3.3)."""
    return find_spec("airflow.state") is not None


def has_on_kill() -> bool:
    """Whether Airflow tells a trigger that its task was stopped (3.3); before, it merely cancels it."""
    from airflow.triggers.base import BaseTrigger

    return hasattr(BaseTrigger, "on_kill")
