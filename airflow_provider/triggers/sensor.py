"""`FlyteRunSensorTrigger`: what a deferred `FlyteRunSensor` waits with.

A run that is named is asked about together with all others of its connection; a query is asked by itself, once per interval.
Arguments are read when the trigger runs and not before: with ``start_from_trigger`` they hold templates until then.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from .._shared.event import RunEvent, search_failed
from .._shared.run_search import RunSearch
from .._shared.trigger_arguments import stored
from .._triggerer.shared_flyte import SharedFlyte, hold_back

if TYPE_CHECKING:
    from bridge_core import AsyncClient, RunSnapshot

__all__ = ["FlyteRunSensorTrigger"]


class FlyteRunSensorTrigger(BaseTrigger):
    """Fires one event once there is nothing more to wait for. Never aborts anything.

    Args:
        run_ref: ``run`` of `FlyteRunSensor`; the next five are described there, too.
        entity: A text.
        query: A mapping.
        project: Flyte project.
        domain: Flyte domain.
        if_failed: ``"fail"`` or ``"wait"``.
        flyte_conn_id: Connection of type ``flyte``.
        poll_interval: Seconds between two looks for a run; one that is known is asked about as often as all others.
        not_before: Unix time in seconds before which nothing is fired.
        deferred_at: Unix time in seconds at which the task deferred. None: it began here.
    """

    def __init__(
        self,
        *,
        run_ref: Any = None,
        entity: str | None = None,
        query: dict[str, Any] | None = None,
        project: str | None = None,
        domain: str | None = None,
        if_failed: str = "fail",
        flyte_conn_id: str = "flyte_default",
        poll_interval: float = 60.0,
        not_before: float = 0.0,
        deferred_at: float | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.run_ref = run_ref
        self.entity = entity
        self.query = query
        self.project = project
        self.domain = domain
        self.if_failed = if_failed
        self.flyte_conn_id = flyte_conn_id
        self.poll_interval = poll_interval
        self.not_before = not_before
        self.deferred_at = deferred_at

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments: plain JSON."""
        return (
            "airflow_provider.triggers.sensor.FlyteRunSensorTrigger",
            stored(
                {
                    "run_ref": self.run_ref,
                    "entity": self.entity,
                    "query": self.query,
                    "project": self.project,
                    "domain": self.domain,
                    "if_failed": self.if_failed,
                    "flyte_conn_id": self.flyte_conn_id,
                    "poll_interval": self.poll_interval,
                    "not_before": self.not_before,
                    "deferred_at": self.deferred_at,
                }
            ),
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Waits, then fires. Whatever happens becomes an event, so that the sensor's own code decides what it means."""
        try:
            event = RunEvent.ended(await self._wait()).to_dict()
        except Exception as error:  # noqa: BLE001  # see above
            event = search_failed(error)
        await hold_back(self.not_before, self.deferred_at)
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    async def _wait(self) -> RunSnapshot:
        search = RunSearch.read(
            run=self.run_ref,
            entity=self.entity,
            query=self.query,
            project=self.project,
            domain=self.domain,
            if_failed=self.if_failed,
        )
        self.log.info("waiting for %s", search)
        flyte, what = SharedFlyte(self.flyte_conn_id), f"waiting for {search}"

        def look(client: AsyncClient) -> Awaitable[RunSnapshot | None]:
            flyte.check_place(search, client)
            if search.ref is not None:
                return client.wait(search.ref)
            return search.alook(client)

        seen = ""
        while True:
            snapshot = await flyte.ask(look, what=what, log=self.log)
            if snapshot is not None and search.is_over(snapshot):
                return snapshot
            if seen != (seen := str(snapshot and snapshot.describe())):
                self.log.info("%s", f"found {seen}" if snapshot is not None else "there is no such run yet")
            await asyncio.sleep(self.poll_interval)
