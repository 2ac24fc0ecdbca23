"""What a `FlyteRunTrigger` does in the triggerer. Apart from the trigger, so that a DAG file pays for its arguments only."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from bridge_core import RunPhase, RunRef, WaitTimeout

from .._compat import has_on_kill, store_xcom
from .._shared.event import RunEvent
from .._shared.progress import LOG_KEY, Progress, pauses
from .kill_deferred import USER_ACTION, stop_dropped
from .poll_age import waiting
from .shared_flyte import SharedFlyte, hold_back, left_until

if TYPE_CHECKING:
    from bridge_core import AsyncClient, RunSnapshot

__all__ = ["DeferredWait"]

_KILL_PATIENCE = 25.0


class DeferredWait:
    """The wait of one deferred task.

    Args:
        trigger: Its `FlyteRunTrigger`.
    """

    def __init__(self, trigger: Any) -> None:
        self._trigger = trigger
        self._log = trigger.log
        self._ref: RunRef = trigger.ref
        self._flyte = SharedFlyte(trigger.flyte_conn_id, trigger.place)
        self._progress = Progress(self._ref)
        self._phase: RunPhase | None = None
        self._outcome: asyncio.Future[str] | None = None

    async def event(self) -> dict[str, Any]:
        """Waits; what to fire then. Whatever happens becomes an event, so that the task's own code decides what it means."""
        self._log.info("waiting for run %s; its phases are asked together with those of other tasks", self._ref)
        with waiting():
            event = await self._wait()
        await hold_back(self._trigger.not_before, self._trigger.deferred_at)
        return event.to_dict()

    def cancelled(self, error: asyncio.CancelledError) -> None:
        """Airflow drops the trigger.

        Begins at once: it may never come to call ``on_kill``. Before Airflow 3.3 it says nothing; the task's state tells what is
        meant.
        """
        if error.args[:1] == (USER_ACTION,):
            self._drop()
        elif not has_on_kill() and (outcome := self._drop()) is not None:  # nobody will ask what became of it
            outcome.add_done_callback(lambda told: told.cancelled() or self._log.info("%s", told.result()))

    async def killed(self) -> None:
        """Somebody marked or cleared the deferred task: says what becomes of its run (`_triggerer.kill_deferred`).

        Airflow 3.3.2 cancels this coroutine again every second (the supervisor repeats its request until the trigger is
        gone), so the work is a task of its own. Delete the loop when that is fixed upstream.
        """
        outcome = self._drop()
        if outcome is None:
            return
        end = asyncio.get_running_loop().time() + _KILL_PATIENCE
        while (left := end - asyncio.get_running_loop().time()) > 0:
            try:
                self._log.info("%s", await asyncio.wait_for(asyncio.shield(outcome), left))
            except asyncio.CancelledError:
                continue
            except TimeoutError:
                self._log.warning("run %s: still busy with it when Airflow's patience ends", self._ref)
            return

    def _drop(self) -> asyncio.Future[str] | None:
        """Begins to end the run, once; awaits nothing."""
        if not self._trigger.cancel_on_kill or self._trigger.task_instance is None:
            return None
        if self._outcome is None:
            self._outcome = stop_dropped(self._trigger.task_instance, self._ref, self._flyte.client)
        return self._outcome

    async def _wait(self) -> RunEvent:
        def ask(flyte: AsyncClient) -> Awaitable[RunSnapshot]:
            return self._watched(flyte)

        what = f"waiting for run {self._ref}"
        try:
            return RunEvent.ended(await self._flyte.ask(ask, what=what, log=self._log, deadline=self._trigger.deadline))
        except Exception as error:  # noqa: BLE001  # an event, so that the task's own code decides what it means
            return RunEvent.gave_up(self._ref, error)

    async def _watched(self, flyte: AsyncClient) -> RunSnapshot:
        """All waits of a connection are one question; only who wants to see nodes asks for himself, now and then."""
        interval, deadline = self._trigger.poll_interval, self._trigger.deadline
        for pause in pauses(self._trigger.progress_interval) if self._trigger.progress_interval else ():
            left = left_until(deadline)
            if left is not None and left <= pause:
                break
            try:
                return await flyte.wait(self._ref, timeout=pause, poll_interval=interval)
            except WaitTimeout as error:
                if error.snapshot is not None and error.snapshot.phase is not self._phase:
                    self._phase = error.snapshot.phase
                    self._log.info("run %s is %s", self._ref, self._phase.value)
                shown = self._progress.log_url
                for line in await self._progress.atell(flyte):
                    self._log.info("run %s: %s", self._ref, line)
                if self._progress.log_url is not None and self._progress.log_url != shown:
                    await self._show_log(self._progress.log_url)
        return await flyte.wait(self._ref, timeout=left_until(deadline), poll_interval=interval)

    async def _show_log(self, url: str) -> None:
        """Stores the link to the log of what runs now."""
        if self._trigger.task_instance is None:
            return
        try:
            await store_xcom(self._trigger.task_instance, LOG_KEY, url)
        except Exception as error:  # noqa: BLE001  # Airflow may be away for a moment: a link must not end the wait
            self._log.warning("the link to the log was not stored: %r", error)
