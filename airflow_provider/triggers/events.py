"""`FlyteRunEventTrigger`: runs that end become events of an asset, and start DAGs that are scheduled by it.

Asset("model", watchers=[AssetWatcher(name="trained", trigger=FlyteRunEventTrigger(entity="ml.train"))])
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import TriggerEvent

from .._compat import IS_AIRFLOW_2, BaseEventTrigger, stored_mapping

if TYPE_CHECKING:
    from bridge_core import AsyncClient, RunSnapshot

    from .._shared.run_search import RunSearch
    from .._triggerer.watch_state import WatchState

__all__ = ["FlyteRunEventTrigger"]

_MOST = 100_000


class FlyteRunEventTrigger(BaseEventTrigger):
    """Fires one event for each run that ends; for `AssetWatcher`.

    The event's payload is ``{"run": {project, domain, name}, "phase", "entity", "started_at", "ended_at", "console_url"}``; a
    DAG finds it under ``triggering_asset_events[asset][i].extra["payload"]``. What was reported is stored together with the
    event, so that no restart of a triggerer loses or repeats one. Airflow may start one DAG run for several events: read all.

    Args:
        entity: Launch plan (``"workflow:…"``, ``"task:…"``) whose runs are watched. None: all of the project and domain.
        labels: Only runs that have all of these; or pairs of name and value.
        phases: How a run must have ended.
        project: Where; default: the entity's, the connection's.
        domain: The same.
        flyte_conn_id: Connection of type ``flyte``.
        poll_interval: Seconds between two questions.

    Raises:
        InvalidRequest: A phase is none with which a run ends.
        Unsupported: This is Airflow 2, which has no asset watchers.
    """

    def __init__(
        self,
        *,
        entity: str | None = None,
        labels: Mapping[str, str] | Sequence[Sequence[str]] | None = None,
        phases: Sequence[str] = ("SUCCEEDED",),
        project: str | None = None,
        domain: str | None = None,
        flyte_conn_id: str = "flyte_default",
        poll_interval: float = 30.0,
    ) -> None:
        if IS_AIRFLOW_2:
            from bridge_core import Unsupported

            raise Unsupported(
                "FlyteRunEventTrigger needs Airflow 3: Airflow 2 has no asset watchers; use FlyteRunSensor"
            )
        super().__init__()  # type: ignore[no-untyped-call]
        self.entity = None if entity is None else str(entity)
        pairs: Any = labels or {}
        self.labels: dict[str, str] = dict(pairs)
        self.phases = sorted(_terminal(phase) for phase in phases)
        self.project = project
        self.domain = domain
        self.flyte_conn_id = flyte_conn_id
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments: plain JSON."""
        return (
            "airflow_provider.triggers.flyte.FlyteRunEventTrigger",
            {
                "entity": self.entity,
                "labels": stored_mapping(self.labels),
                "phases": self.phases,
                "project": self.project,
                "domain": self.domain,
                "flyte_conn_id": self.flyte_conn_id,
                "poll_interval": self.poll_interval,
            },
        )

    @property
    def watch(self) -> str:
        """What names this watch among all of an asset."""
        from bridge_core import run_name

        labels = [f"{key}={value}" for key, value in sorted(self.labels.items())]
        place = [self.entity or "", self.project or "", self.domain or "", self.flyte_conn_id]
        return f"flyte_watch_{run_name(*place, *self.phases, *labels)}"

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Looks, fires, and waits until Airflow has stored what it fired, for ever."""
        from .._triggerer.shared_flyte import SharedFlyte
        from .._triggerer.watch_store import WatchStore

        flyte, store = SharedFlyte(self.flyte_conn_id), WatchStore(getattr(self, "asset_state_store", None), self.watch)
        state = await store.load()
        what = f"watching for runs of {self.entity or 'all'} that end"
        self.log.info("%s, from %s on", what, state.floor.isoformat())
        while True:

            async def look(client: AsyncClient, state: WatchState = state) -> list[RunSnapshot]:
                flyte.check_place(self._search(state), client)
                return [run async for run in self._ended(client, state)]

            news = state.news(await flyte.ask(look, what=what, log=self.log))
            if news:  # another triggerer may have had this watch meanwhile
                state = await store.load()
                news = state.news(news)
            for run in news:
                yield TriggerEvent(self._payload(run))  # type: ignore[no-untyped-call]
            if news:
                state = await store.reported({str(run.ref): run.ended_at for run in news if run.ended_at is not None})
            await asyncio.sleep(self.poll_interval)

    async def _ended(self, client: AsyncClient, state: WatchState) -> AsyncIterator[RunSnapshot]:
        search = self._search(state)
        async for run in client.list_runs(
            project=search.project, domain=search.domain, query=search.query, limit=_MOST
        ):
            if run.ended_at is not None:
                yield run

    def _search(self, state: WatchState) -> RunSearch:
        from .._shared.run_search import RunSearch

        # When the server wrote the row last: never before the run ended. What was touched since is sorted out by its end.
        query = {
            "labels": self.labels or None,
            "phases": self.phases,
            "where": [("updated_at", "gte", state.floor)],
            "sort_by": "updated_at",
            "newest_first": False,
        }
        return RunSearch.read(entity=self.entity, query=query, project=self.project, domain=self.domain)

    def _payload(self, run: RunSnapshot) -> dict[str, Any]:
        return {
            "flyte_watch": self.watch,
            "run": run.ref.to_dict(),
            "phase": run.phase.value,
            "entity": str(run.entity) if run.entity else None,
            "started_at": run.started_at.isoformat() if run.started_at else None,
            "ended_at": run.ended_at.isoformat() if run.ended_at else None,
            "console_url": run.console_url,
        }


def _terminal(phase: Any) -> str:
    from bridge_core import InvalidRequest, RunPhase

    ends = [one.value for one in RunPhase if one.is_terminal]
    name = str(getattr(phase, "value", phase)).upper()
    if name not in ends:
        raise InvalidRequest(f"phases: a run ends {', '.join(ends)}; got {phase!r}")
    return name
