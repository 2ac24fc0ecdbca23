"""What happens to runs whose deferred tasks Airflow told the triggerer to drop: many at once, when a whole DAG run is stopped.

Airflow 3.3.2 cancels a trigger, writes a line of log, and only then calls ``on_kill``; and it cancels again every second until
the trigger is gone. The line goes through the event loop's few default threads. When those are busy, with other lines or with
lookups, the second cancel comes while the first one's line still waits, and ``on_kill`` is never called: of 200 tasks marked
failed at once, 140 lost theirs. So:

* the work begins where the first cancel arrives, inside the trigger's ``run``, without awaiting anything;
* it belongs to a task of its own, which no further cancel reaches;
* no thread of the default executor is used: Airflow is asked through its own channel, once for all that were dropped together.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import weakref
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge_core import BridgeError, RunRef

from .._compat import ask_task_states, ask_xcom, state_in
from .._shared.metrics import count

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from bridge_core import AsyncClient

__all__ = ["USER_ACTION", "Dropped", "stop_dropped"]

log = logging.getLogger("airflow.task.flyte")

USER_ACTION = "__airflow_user_action__"
"""What Airflow 3.3 says when it cancels a trigger because of its task (``_USER_ACTION_CANCEL_MSG``, triggerer_job_runner.py);
a triggerer that shuts down says nothing."""
_GATHER = 0.2
"""Seconds in which more come after the first."""
_PER_QUESTION = 200
_ABORTS_AT_ONCE = 16
_MOST_LOOKUPS = 5
_PAUSE = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Dropped:
    """A trigger that Airflow does not want any more."""

    ti: Any
    ref: RunRef
    client: Callable[[], AbstractAsyncContextManager[AsyncClient]]
    outcome: asyncio.Future[str]
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    """Of the trigger: an Airflow connection is looked up through context variables."""


_queues: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, list[Dropped]] = weakref.WeakKeyDictionary()
_tasks: set[asyncio.Task[None]] = set()
"""A loop keeps weak references only."""


def stop_dropped(
    ti: Any, ref: RunRef, client: Callable[[], AbstractAsyncContextManager[AsyncClient]]
) -> asyncio.Future[str]:
    """Ends the run, unless the trigger merely moved. Awaits nothing.

    Args:
        ti: Airflow's task instance.
        ref: The run that it waits for.
        client: Opens the client to abort it with.

    Returns:
        What became of it, in words.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[str] = loop.create_future()
    outcome.add_done_callback(lambda done: done.cancelled() or done.exception())  # seen, even when nobody waits
    queue = _queues.setdefault(loop, [])
    queue.append(Dropped(ti, ref, client, outcome))
    if len(queue) == 1:
        _begin(_work(queue), contextvars.Context())
    return outcome


def _begin(work: Any, context: contextvars.Context) -> asyncio.Task[None]:
    task: asyncio.Task[None] = context.run(asyncio.get_running_loop().create_task, work)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    return task


async def _work(queue: list[Dropped]) -> None:
    await asyncio.sleep(_GATHER)
    batch = list(queue)
    queue.clear()  # who comes from here on begins the next one
    aborts = asyncio.Semaphore(_ABORTS_AT_ONCE)
    questions = [_settle(dag_id, task_id, dropped, aborts) for (dag_id, task_id), dropped in _questions(batch)]
    await asyncio.gather(*questions)


def _questions(batch: Iterable[Dropped]) -> Iterable[tuple[tuple[str, str | None], list[Dropped]]]:
    """What can be asked together: one DAG; mapped tasks each by themselves, as Airflow calls ``a[1]`` like a task ``a_1``."""
    groups: dict[tuple[str, str | None], list[Dropped]] = {}
    for one in batch:
        mapped = one.ti.map_index is not None and one.ti.map_index >= 0
        groups.setdefault((one.ti.dag_id, one.ti.task_id if mapped else None), []).append(one)
    for key, members in groups.items():
        for begin in range(0, len(members), _PER_QUESTION):
            yield key, members[begin : begin + _PER_QUESTION]


async def _settle(dag_id: str, task_id: str | None, dropped: list[Dropped], aborts: asyncio.Semaphore) -> None:
    try:
        states = await _patiently(
            lambda: ask_task_states(
                dag_id,
                run_ids=sorted({one.ti.run_id for one in dropped}),
                task_ids=sorted({one.ti.task_id for one in dropped}),
                map_index=-1 if task_id is None else None,
            )
        )
    except Exception as error:  # noqa: BLE001  # whatever the SDK raises
        for one in dropped:
            _done(one, f"run {one.ref} goes on: Airflow does not say why its task was stopped ({error!r})")
        return
    await asyncio.gather(*(_begin(_end(one, states, aborts), one.context.copy()) for one in dropped))


async def _end(one: Dropped, states: Mapping[str, Mapping[str, Any]], aborts: asyncio.Semaphore) -> None:
    """Aborts the run, unless the task is still deferred, and on this very run.

    Airflow 3.3.2 also drops what a triggerer had that stalled and comes back, when another one has it by then
    (apache/airflow#73454, open). Airflow never resets a deferred task: every other state means that somebody stopped it.
    """
    try:
        state = state_in(states, one.ti)
        if state == "deferred" and await _patiently(lambda: ask_xcom(one.ti, "flyte_run")) == one.ref.to_dict():
            _done(one, f"run {one.ref} goes on: its task is still deferred, another triggerer watches it")
            return
        ti = one.ti
        mapped = f"[{ti.map_index}]" if ti.map_index is not None and ti.map_index >= 0 else ""
        reason = f"Airflow task {ti.dag_id}.{ti.task_id}{mapped} of {ti.run_id} was stopped (state: {state or 'none'})"
        async with aborts, one.client() as flyte:
            await flyte.abort(one.ref, reason=reason)
        count("aborted")
        _done(one, f"aborted run {one.ref}: {reason}")
    except BridgeError as error:
        _done(one, f"run {one.ref} could not be aborted: {error}")
    except Exception as error:  # noqa: BLE001  # whatever the SDK raises
        _done(one, f"run {one.ref} goes on: {error!r}")


async def _patiently(ask: Callable[[], Awaitable[Any]]) -> Any:
    """Asks again while Airflow does not answer: a triggerer that lost its database was not told to stop anything."""
    for _ in range(_MOST_LOOKUPS - 1):
        try:
            return await ask()
        except Exception as error:  # noqa: BLE001  # whatever the SDK raises
            log.warning("Airflow does not say why tasks were stopped (%r); asking again", error)
        await asyncio.sleep(_PAUSE)
    return await ask()


def _done(one: Dropped, verdict: str) -> None:
    if not one.outcome.done():
        one.outcome.set_result(verdict)
    if one.outcome.cancelled():  # its trigger is gone, and its log with it
        log.info("%s", verdict)
