"""What differs between Airflow versions, or is a workaround for one: everything else imports `common.compat.sdk`.

What says "Airflow 2" goes with Airflow 2.11: there, tasks and triggers have the database, and no supervisor to ask.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.providers.common.compat.sdk import conf

if TYPE_CHECKING:
    from airflow.triggers.base import BaseEventTrigger

__all__ = [
    "IS_AIRFLOW_2",
    "NO_STATE",
    "BaseEventTrigger",
    "ask_connection",
    "ask_task_states",
    "ask_xcom",
    "counts_every_clear",
    "first_event_floor",
    "has_asset_state",
    "has_on_kill",
    "has_template",
    "health_page",
    "heartbeat_interval",
    "is_dag_test",
    "is_deferral_timeout",
    "is_native",
    "late_leg",
    "leaves_templates",
    "may_look_up",
    "outputs_limit",
    "state_in",
    "store_xcom",
    "stored_mapping",
    "stored_xcoms",
    "sync_grace",
    "task_state",
]

T = TypeVar("T")

IS_AIRFLOW_2 = find_spec("airflow.sdk") is None

_SECTION = "flyte"


def __getattr__(name: str) -> Any:
    """`BaseEventTrigger`, looked up on use: a DAG file of operators needs none. Airflow 2 has no asset watchers."""
    if name != "BaseEventTrigger":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from airflow.triggers import base

    return base.BaseTrigger if IS_AIRFLOW_2 else base.BaseEventTrigger


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


def leaves_templates(arguments: Mapping[str, Any]) -> bool:
    """Whether a trigger that a task starts from would get templates as they stand in the DAG file, as on Airflow 2."""
    return IS_AIRFLOW_2 and any(begin in str(arguments) for begin in ("{{", "{%"))


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
    return max(8.0, heartbeat_interval() + 3.0)


def heartbeat_interval() -> float:
    """Seconds after which a worker that ended is reaped, at the latest; Airflow 2 calls it ``[scheduler] job_heartbeat_sec``."""
    if IS_AIRFLOW_2:
        return float(conf.getfloat("scheduler", "job_heartbeat_sec", fallback=5.0))
    return float(conf.getfloat("workers", "min_heartbeat_interval", fallback=5.0))


def counts_every_clear() -> bool:
    """Whether a DAG run's ``clear_number`` also counts clears of tasks while it goes on: since Airflow 3.2.

    Before, an edit of a task's ``retries`` cannot be told from a clear.
    """
    return _line() >= (3, 2)


def may_look_up(job: Any) -> bool:
    """Whether this process, which Airflow announced as a component, may look up Variables and connections in Airflow's database.

    Airflow 3.3 says so when a triggerer begins. On 3.1 and 3.2 nobody says it in the process of a triggerer, which finds nothing
    but environment variables then: it is said here, as 3.3 says it. The triggers' own process asks its supervisor all the same.
    """
    kind = vars(job).get("job_type")
    if IS_AIRFLOW_2:
        return kind is not None
    if _line() < (3, 3) and kind == "TriggererJob":
        os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
    return os.environ.get("_AIRFLOW_PROCESS_CONTEXT") == "server"


def stored_xcoms() -> Any:
    """The table of XComs; Airflow 2 has another name for it."""
    from airflow.models import xcom

    return xcom.XCom if IS_AIRFLOW_2 else xcom.XComModel


def stored_mapping(value: Mapping[str, str]) -> dict[str, str] | list[list[str]]:
    """A mapping among the arguments of a watcher's trigger, in a form that Airflow gives back.

    Airflow 3.2 gives a dict back as it stored it, wrapped: pairs are stored there. Elsewhere it stays a dict, as releases before
    stored it: with other arguments it would be another trigger. Goes with 3.2.
    """
    return [list(pair) for pair in sorted(value.items())] if _line() == (3, 2) else dict(value)


def _line() -> tuple[int, ...]:
    from airflow import __version__

    return tuple(int(part) for part in __version__.split(".")[:2])


def late_leg() -> Any:
    """The context of a task that Airflow 2 fails because it resumes after its ``execution_timeout``; None on Airflow 3.

    Its own code does not run then, but for ``on_kill``.
    """
    if not IS_AIRFLOW_2:
        return None
    from airflow.operators.python import get_current_context
    from airflow.providers.common.compat.sdk import AirflowException
    from airflow.utils.timezone import utcnow

    try:
        context = get_current_context()
    except AirflowException:  # a signal that came before the task began
        return None
    ti, limit = context["ti"], context["task"].execution_timeout
    is_late = ti.next_method and limit and ti.start_date and utcnow() - ti.start_date >= limit
    return context if is_late else None


def health_page() -> str | None:
    """Where Airflow tells when its scheduler finished a loop last; None when it is not known where its pages are."""
    base = (conf.get("webserver" if IS_AIRFLOW_2 else "api", "base_url", fallback=None) or "").rstrip("/")
    if not base.startswith(("http://", "https://")):
        return None
    return f"{base}/health" if IS_AIRFLOW_2 else f"{base}/api/v2/monitor/health"


def is_deferral_timeout(error: BaseException) -> bool:
    """Whether Airflow ended a deferral because its time was up.

    The error has a class of its own since Airflow 3; Airflow 2 tells it by a text (``check_trigger_timeouts``).
    """
    if IS_AIRFLOW_2:
        return type(error).__name__ == "TaskDeferralError" and str(error) == "Trigger/execution timeout"
    try:
        from airflow.sdk.exceptions import TaskDeferralTimeout
    except ImportError:  # before Airflow 3.2
        from airflow.exceptions import TaskDeferralTimeout  # type: ignore[no-redef]
    return isinstance(error, TaskDeferralTimeout)


NO_STATE = "none"
"""A task instance that Airflow has and that has no state: it was reset, and is about to be scheduled again."""


def task_state(ti: Any) -> str | None:
    """What Airflow says this task instance is doing now; None when it knows no such task instance. Blocks.

    A mapped task instance is listed as ``<task_id>_<map_index>``.
    """
    if IS_AIRFLOW_2:
        return state_in(_stored_states(ti.dag_id, [ti.run_id], [ti.task_id]), ti)
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
    """Run id -> task -> state, in one question, on a triggerer's event loop; `state_in` reads it. Uses no thread on Airflow 3.

    Args:
        dag_id: Whose tasks.
        run_ids: Of these DAG runs.
        task_ids: These tasks.
        map_index: -1 for tasks that are not mapped; None for all of mapped ones.

    Raises:
        Exception: Whatever Airflow raises or answers when it cannot be asked.
    """
    if IS_AIRFLOW_2:
        return await _in_thread(_stored_states, dag_id, run_ids, task_ids)
    from airflow.sdk.execution_time.comms import GetTaskStates, TaskStatesResult
    from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS

    answer = await SUPERVISOR_COMMS.asend(
        GetTaskStates(dag_id=dag_id, run_ids=run_ids, task_ids=task_ids, map_index=map_index)
    )
    if not isinstance(answer, TaskStatesResult):
        raise ConnectionError(f"Airflow answered {answer!r} when asked for the states of tasks of {dag_id}")
    return answer.task_states


async def ask_xcom(ti: Any, key: str) -> Any:
    """An XCom of this task instance, on a triggerer's event loop; None when there is none. Uses no thread on Airflow 3.

    `XCom.aget_value` came with Airflow 3.3.
    """
    if IS_AIRFLOW_2:
        return await _in_thread(lambda: ti.xcom_pull(task_ids=ti.task_id, key=key, map_indexes=ti.map_index))
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
    """Stores an XCom of this task instance, on a triggerer's event loop. Uses no thread on Airflow 3.

    `XCom.aset` is not there (3.3.2).
    """
    if IS_AIRFLOW_2:
        await _in_thread(lambda: ti.xcom_push(key=key, value=value))
        return
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


async def _in_thread(ask: Callable[..., T], *arguments: Any) -> T:
    """Airflow 2's answers come from its database, which blocks."""
    from asgiref.sync import sync_to_async

    return await sync_to_async(ask)(*arguments)


def _stored_states(dag_id: str, run_ids: list[str], task_ids: list[str]) -> Mapping[str, Mapping[str, Any]]:
    """`ask_task_states` of Airflow 2: what it answers, made of the rows themselves."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    found: dict[str, dict[str, Any]] = {}
    with create_session() as session:
        columns = (TaskInstance.run_id, TaskInstance.task_id, TaskInstance.map_index, TaskInstance.state)
        wanted = (TaskInstance.run_id.in_(run_ids), TaskInstance.task_id.in_(task_ids))
        for run_id, task_id, map_index, state in session.query(*columns).filter(TaskInstance.dag_id == dag_id, *wanted):
            found.setdefault(run_id, {})[task_id if map_index < 0 else f"{task_id}_{map_index}"] = state
    return found
