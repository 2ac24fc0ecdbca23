"""`FlyteRunTrigger`: waits for one run in the triggerer, together with all others of its connection.

All triggers of one connection share one client, one connection lookup and one poll (`AsyncClient.shared`): a thousand
waiting tasks cost one call per round. An unreachable Flyte is asked again until the deadline; it never fails a task.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from bridge_core import RunPhase, RunRef, WaitTimeout

from .._compat import has_on_kill
from .._event import RunEvent
from .._kill_deferred import USER_ACTION, stop_dropped
from .._progress import Progress, pauses
from .._triggerer import SharedFlyte, hold_back, left_until, waiting
from .events import FlyteRunEventTrigger

if TYPE_CHECKING:
    from bridge_core import AsyncClient, RunSnapshot

__all__ = ["FlyteRunEventTrigger", "FlyteRunTrigger"]

_KILL_PATIENCE = 25.0


class FlyteRunTrigger(BaseTrigger):
    """Fires one `RunEvent` when the run has ended, or when the deadline passes.

    Args:
        run: `RunRef` as a dict.
        flyte_conn_id: Connection of type ``flyte``.
        deadline: Unix time in seconds at which waiting ends; None waits for ever. The run is not aborted: the task does that.
        not_before: Unix time in seconds before which nothing is fired (see `_compat.first_event_floor`).
        poll_interval: Seconds between questions; None adapts to the run's age.
        cancel_on_kill: Whether the run is aborted when somebody stops the deferred task.
        place: Where the run was launched (`_connection.place_of`): the connection may be edited meanwhile. None: where the
            connection says now.
        deferred_at: Unix time in seconds at which the task deferred: no event is fired before the scheduler can have noticed.
            None: ``not_before`` alone decides.
        progress_interval: Seconds after which the log says what the run's nodes do, then less and less often. None: never.

    Raises:
        InvalidRequest: ``run`` is no reference to a run.
    """

    def __init__(
        self,
        *,
        run: dict[str, str],
        flyte_conn_id: str = "flyte_default",
        deadline: float | None = None,
        not_before: float = 0.0,
        poll_interval: float | None = None,
        cancel_on_kill: bool = True,
        place: dict[str, Any] | None = None,
        deferred_at: float | None = None,
        progress_interval: float | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.ref = RunRef.from_dict(run)
        self.flyte_conn_id = flyte_conn_id
        self.deadline = deadline
        self.not_before = not_before
        self.poll_interval = poll_interval
        self.cancel_on_kill = cancel_on_kill
        self.place = place
        self.deferred_at = deferred_at
        self.progress_interval = progress_interval
        self._flyte = SharedFlyte(flyte_conn_id, place)
        self._progress = Progress(self.ref)
        self._phase: RunPhase | None = None
        self._outcome: asyncio.Future[str] | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments: plain JSON."""
        return (
            "airflow_provider.triggers.flyte.FlyteRunTrigger",
            {
                "run": self.ref.to_dict(),
                "flyte_conn_id": self.flyte_conn_id,
                "deadline": self.deadline,
                "not_before": self.not_before,
                "poll_interval": self.poll_interval,
                "cancel_on_kill": self.cancel_on_kill,
                "place": self.place,
                "deferred_at": self.deferred_at,
                "progress_interval": self.progress_interval,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Waits, then fires. Whatever happens becomes an event, so that the task's own code decides what it means."""
        self.log.info("waiting for run %s; its phases are asked together with those of other tasks", self.ref)
        try:
            with waiting():
                event = await self._wait()
            await hold_back(self.not_before, self.deferred_at)
        except asyncio.CancelledError as error:
            # Now: Airflow may never come to call on_kill. Before 3.3 it says nothing: the task's state tells what is meant.
            if error.args[:1] == (USER_ACTION,) or not has_on_kill():
                self._drop()
            raise
        yield TriggerEvent(event.to_dict())  # type: ignore[no-untyped-call]

    async def _wait(self) -> RunEvent:
        def ask(flyte: AsyncClient) -> Awaitable[RunSnapshot]:
            return self._watched(flyte)

        what = f"waiting for run {self.ref}"
        try:
            return RunEvent.ended(await self._flyte.ask(ask, what=what, log=self.log, deadline=self.deadline))
        except Exception as error:  # noqa: BLE001  # an event, so that the task's own code decides what it means
            return RunEvent.gave_up(self.ref, error)

    async def _watched(self, flyte: AsyncClient) -> RunSnapshot:
        """All waits of a connection are one question; only who wants to see nodes asks for himself, now and then."""
        if self.progress_interval is None:
            return await flyte.wait(self.ref, timeout=left_until(self.deadline), poll_interval=self.poll_interval)
        for pause in pauses(self.progress_interval):
            left = left_until(self.deadline)
            if left is not None and left <= pause:
                break
            try:
                return await flyte.wait(self.ref, timeout=pause, poll_interval=self.poll_interval)
            except WaitTimeout as error:
                if error.snapshot is not None and error.snapshot.phase is not self._phase:
                    self._phase = error.snapshot.phase
                    self.log.info("run %s is %s", self.ref, self._phase.value)
                for line in await self._progress.atell(flyte):
                    self.log.info("run %s: %s", self.ref, line)
        return await flyte.wait(self.ref, timeout=left_until(self.deadline), poll_interval=self.poll_interval)

    async def on_kill(self) -> None:
        """Somebody marked or cleared the deferred task: says what becomes of its run (`_kill_deferred`).

        Airflow 3.3.2 cancels this coroutine again every second (the supervisor repeats its request until the trigger is
        gone), so the work is a task of its own. Delete the loop when that is fixed upstream.
        """
        outcome = self._drop()
        if outcome is None:
            return
        end = asyncio.get_running_loop().time() + _KILL_PATIENCE
        while (left := end - asyncio.get_running_loop().time()) > 0:
            try:
                self.log.info("%s", await asyncio.wait_for(asyncio.shield(outcome), left))
            except asyncio.CancelledError:
                continue
            except TimeoutError:
                self.log.warning("run %s: still busy with it when Airflow's patience ends", self.ref)
            return

    def _drop(self) -> asyncio.Future[str] | None:
        """Begins to end the run, once; awaits nothing."""
        if not self.cancel_on_kill or self.task_instance is None:
            return None
        if self._outcome is None:
            self._outcome = stop_dropped(self.task_instance, self.ref, self._flyte.client)
        return self._outcome
