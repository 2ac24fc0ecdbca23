"""`FlyteRunTrigger`: waits for one run in the triggerer, together with all others of its connection.

All triggers of one connection share one client, one connection lookup and one poll (`AsyncClient.shared`): a thousand
waiting tasks cost one call per round. An unreachable Flyte is asked again until the deadline; it never fails a task.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from bridge_core import AuthError, BridgeError, ConfigError, InvalidRequest, NotFound, RunRef, Unsupported, WaitTimeout

from .._event import RunEvent
from .._kill_deferred import USER_ACTION, stop_dropped
from .._refusals import Refusals
from .._scheduler_lag import scheduler_has_seen
from ..hooks.flyte import FlyteHook

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from bridge_core import AsyncClient, Config

__all__ = ["FlyteRunTrigger"]

_CERTAIN = (ConfigError, InvalidRequest, NotFound, Unsupported, WaitTimeout)
"""Asking again cannot help."""
_MOST_ERRORS = 10
"""In a row, of kinds we do not know: a bug must not keep a task waiting for ever."""
_LONGEST_PAUSE = 30.0
_LONGEST_HOLD = 60.0
"""Seconds; the worker's clock may be far ahead of ours."""
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
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Waits, then fires. Whatever happens becomes an event, so that the task's own code decides what it means."""
        self.log.info("waiting for run %s; its phases are asked together with those of other tasks", self.ref)
        try:
            event = await self._wait()
            await self._hold()
        except asyncio.CancelledError as error:
            if error.args[:1] == (USER_ACTION,):
                self._drop()  # now: Airflow may never come to call on_kill
            raise
        yield TriggerEvent(event.to_dict())  # type: ignore[no-untyped-call]

    async def _hold(self) -> None:
        """Until Airflow can take the event: see `_scheduler_lag`."""
        early = min(self.not_before - time.time(), _LONGEST_HOLD)
        if early > 0:
            await asyncio.sleep(early)
        if self.deferred_at is not None:
            await scheduler_has_seen(self.deferred_at, patience=_LONGEST_HOLD)

    async def _wait(self) -> RunEvent:
        errors = 0
        refusals = Refusals()
        while True:
            try:
                async with self._client() as flyte:
                    return RunEvent.ended(
                        await flyte.wait(self.ref, timeout=self._left(), poll_interval=self.poll_interval)
                    )
            except _CERTAIN as error:
                return RunEvent.gave_up(self.ref, error)
            except AuthError as error:  # says nothing about the run, and must not cost a try
                try:
                    refusals.bear(error, time.monotonic())
                except AuthError:
                    return RunEvent.gave_up(self.ref, error)
                self.log.warning("waiting for run %s: %s; asking again", self.ref, error)
            except Exception as error:
                refusals.over()
                # A connection lookup may fail while Airflow's API restarts; a client may be closed under us.
                errors = 0 if isinstance(error, BridgeError) and error.transient else errors + 1
                if errors > _MOST_ERRORS:
                    self.log.exception("gave up waiting for run %s", self.ref)
                    return RunEvent.gave_up(self.ref, error)
                self.log.warning("waiting for run %s: %r; asking again", self.ref, error)
            left = self._left()
            if left == 0.0:
                return RunEvent.gave_up(
                    self.ref, WaitTimeout(f"run {self.ref}: Flyte could not be asked", ref=self.ref)
                )
            await asyncio.sleep(min(_LONGEST_PAUSE, 2.0**errors, *(() if left is None else (left,))))

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
            self._outcome = stop_dropped(self.task_instance, self.ref, self._client)
        return self._outcome

    def _left(self) -> float | None:
        return None if self.deadline is None else max(0.0, self.deadline - time.time())

    def _client(self) -> AbstractAsyncContextManager[AsyncClient]:
        """Shared by all that were launched through the same connection while it meant the same."""
        from bridge_core import AsyncClient

        place = self.place or {}
        return AsyncClient.shared((self.flyte_conn_id, place.get("key"), place.get("endpoint")), self._config)

    async def _config(self) -> Config:
        from .._connection import at_place

        return at_place(await FlyteHook(self.flyte_conn_id).aget_config(), self.place)
