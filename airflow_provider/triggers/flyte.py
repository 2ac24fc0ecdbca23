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
from ..hooks.flyte import FlyteHook

if TYPE_CHECKING:
    from bridge_core import Config

__all__ = ["FlyteRunTrigger"]

_CERTAIN = (AuthError, ConfigError, InvalidRequest, NotFound, Unsupported, WaitTimeout)
"""Asking again cannot help."""
_MOST_ERRORS = 10
"""In a row, of kinds we do not know: a bug must not keep a task waiting for ever."""
_LONGEST_PAUSE = 30.0
_LONGEST_HOLD = 60.0
"""Seconds; the worker's clock may be far ahead of ours."""
_KILL_PATIENCE = 25.0
_MOST_LOOKUPS = 5


class FlyteRunTrigger(BaseTrigger):
    """Fires one `RunEvent` when the run has ended, or when the deadline passes.

    Args:
        run: `RunRef` as a dict.
        flyte_conn_id: Connection of type ``flyte``.
        deadline: Unix time in seconds at which waiting ends; None waits for ever. The run is not aborted: the task does that.
        not_before: Unix time in seconds before which nothing is fired (see `_compat.first_event_floor`).
        poll_interval: Seconds between questions; None adapts to the run's age.
        cancel_on_kill: Whether the run is aborted when somebody stops the deferred task.

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
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.ref = RunRef.from_dict(run)
        self.flyte_conn_id = flyte_conn_id
        self.deadline = deadline
        self.not_before = not_before
        self.poll_interval = poll_interval
        self.cancel_on_kill = cancel_on_kill

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
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Waits, then fires. Whatever happens becomes an event, so that the task's own code decides what it means."""
        self.log.info("waiting for run %s; its phases are asked together with those of other tasks", self.ref)
        event = await self._wait()
        early = min(self.not_before - time.time(), _LONGEST_HOLD)
        if early > 0:
            await asyncio.sleep(early)
        yield TriggerEvent(event.to_dict())  # type: ignore[no-untyped-call]

    async def _wait(self) -> RunEvent:
        from bridge_core import AsyncClient

        errors = 0
        while True:
            try:
                async with AsyncClient.shared(self.flyte_conn_id, self._config) as flyte:
                    return RunEvent.ended(
                        await flyte.wait(self.ref, timeout=self._left(), poll_interval=self.poll_interval)
                    )
            except _CERTAIN as error:
                return RunEvent.gave_up(self.ref, error)
            except Exception as error:
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
        """Somebody marked or cleared the deferred task: ends the run.

        Airflow 3.3.2 cancels this coroutine again every second (the supervisor repeats its request until the trigger is
        gone), so the work is a task of its own. Delete the loop when that is fixed upstream.
        """
        if not self.cancel_on_kill:
            return
        work = asyncio.ensure_future(self._stop())
        end = asyncio.get_running_loop().time() + _KILL_PATIENCE
        while asyncio.get_running_loop().time() < end:
            try:
                await asyncio.wait_for(asyncio.shield(work), _KILL_PATIENCE)
            except asyncio.CancelledError:
                if work.cancelled():
                    raise
                continue
            return

    async def _stop(self) -> None:
        """Aborts the run, unless the trigger merely moved.

        Airflow 3.3.2 also calls on_kill when a stalled triggerer comes back and finds its triggers given to another one
        (apache/airflow#73454, open). The task is still deferred then, on this very run.
        """
        from bridge_core import AsyncClient

        state, run = await self._ask_airflow()
        if state == "deferred" and run == self.ref.to_dict():
            self.log.info("run %s goes on: its task is still deferred, another triggerer watches it", self.ref)
            return
        ti: Any = self.task_instance
        reason = f"Airflow task {ti.dag_id}.{ti.task_id} of {ti.run_id} was stopped (state: {state or 'none'})"
        async with AsyncClient.shared(self.flyte_conn_id, self._config) as flyte:
            await flyte.abort(self.ref, reason=reason)
        self.log.info("aborted run %s: %s", self.ref, reason)

    async def _ask_airflow(self) -> tuple[str | None, Any]:
        """Asks again while Airflow does not answer: a triggerer that lost its database was not told to stop anything."""
        for _ in range(_MOST_LOOKUPS - 1):
            try:
                return await asyncio.to_thread(self._what_airflow_knows)
            except Exception as error:  # noqa: BLE001  # whatever the SDK raises
                self.log.warning(
                    "run %s: Airflow does not say why its task was stopped (%r); asking again", self.ref, error
                )
            await asyncio.sleep(2.0)
        return await asyncio.to_thread(self._what_airflow_knows)

    def _what_airflow_knows(self) -> tuple[str | None, Any]:
        """State of the task instance, and the run it says it waits for."""
        from airflow.providers.common.compat.sdk import XCom

        from .._compat import task_state

        ti: Any = self.task_instance
        state = task_state(ti)
        return state, XCom.get_value(ti_key=ti, key="flyte_run") if state == "deferred" else None

    def _left(self) -> float | None:
        return None if self.deadline is None else max(0.0, self.deadline - time.time())

    async def _config(self) -> Config:
        return await FlyteHook(self.flyte_conn_id).aget_config()
