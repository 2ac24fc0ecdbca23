"""`FlyteRunTrigger`: waits for one run in the triggerer, together with all others of its connection.

All triggers of one connection share one client, one connection lookup and one poll (`AsyncClient.shared`): a thousand
waiting tasks cost one call per round. An unreachable Flyte is asked again until the deadline; it never fails a task.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from .._shared.trigger_arguments import stored
from .events import FlyteRunEventTrigger

if TYPE_CHECKING:
    from .._triggerer.deferred_wait import DeferredWait

__all__ = ["FlyteRunEventTrigger", "FlyteRunTrigger"]


class FlyteRunTrigger(BaseTrigger):
    """Fires one `RunEvent` when the run has ended, or when the deadline passes.

    Args:
        run: `RunRef` as a dict.
        flyte_conn_id: Connection of type ``flyte``.
        deadline: Unix time in seconds at which waiting ends; None waits for ever. The run is not aborted: the task does that.
        not_before: Unix time in seconds before which nothing is fired (see `_compat.first_event_floor`).
        poll_interval: Seconds between questions; None adapts to the run's age.
        cancel_on_kill: Whether the run is aborted when somebody stops the deferred task.
        place: Where the run was launched (`_connection.config.place_of`): the connection may be edited meanwhile. None: where the
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
        from bridge_core import RunRef

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
        self._waits: DeferredWait | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments: plain JSON."""
        return (
            "airflow_provider.triggers.flyte.FlyteRunTrigger",
            stored(
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
                }
            ),
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Waits, then fires one event."""
        wait = self._wait()
        try:
            event = await wait.event()
        except asyncio.CancelledError as error:
            wait.cancelled(error)
            raise
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    async def on_kill(self) -> None:
        """Somebody marked or cleared the deferred task: its run is aborted, unless the trigger merely moved."""
        await self._wait().killed()

    def _wait(self) -> DeferredWait:
        from .._triggerer.deferred_wait import DeferredWait

        if self._waits is None:
            self._waits = DeferredWait(self)
        return self._waits
