"""Flyte 2's lists. Runs are paged by their time, as on Flyte 1: who aborts what he lists moves what an offset counts.

A run's time is lowered to whole seconds when its first status arrives (action.go), so pages overlap by a second and names that
were given are skipped. Lists know no labels: those are read from each run that is left by the other conditions.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from flyteidl2.common import list_pb2
from flyteidl2.workflow import run_service_pb2

from ...model.errors import RunNotFound, Unsupported
from ...model.ids import EntityKind, EntityRef
from ...model.runs import RunSnapshot
from .convert import phase_of, project_id, run_id, run_ref, snapshot, when
from .filters import run_filters, time_text
from .methods import rpc

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...calls import Calls
    from ...config import Config
    from ...model.ids import RunRef
    from ...model.run_query import RunQuery
    from .tasks import Flyte2Tasks

__all__ = ["Flyte2Lists"]

_PAGE = 200
"""What the server takes at most."""
_OVERLAP = timedelta(seconds=1)
_READ_AT_ONCE = 8


class Flyte2Lists:
    """Lists of runs and tasks."""

    def __init__(self, calls: Calls, config: Config, console_url: Callable[[RunRef], str], tasks: Flyte2Tasks) -> None:
        self._calls = calls
        self._org = config.org
        self._page = min(config.batch_size, _PAGE)
        self._console_url = console_url
        self._tasks = tasks

    async def runs(self, project: str, domain: str, query: RunQuery, limit: int) -> AsyncIterator[RunSnapshot]:
        """ListRuns, newest first unless asked otherwise, page by page as they are consumed."""
        base = run_filters(query)
        direction = list_pb2.Sort.DESCENDING if query.newest_first else list_pb2.Sort.ASCENDING
        request = run_service_pb2.ListRunsRequest(
            project_id=project_id(project, domain, self._org),
            request=list_pb2.ListRequest(
                limit=self._page if query.labels else min(self._page, max(limit, 1)),
                filters=base,
                sort_by_fields=[list_pb2.Sort(key=query.sort_by, direction=direction)],
            ),
        )
        seen: set[str] = set()
        given = 0
        while given < limit:
            page = await self._calls.unary(rpc("ListRuns"), request)
            new = [item for item in page.runs if item.action.id.run.name not in seen]
            seen.update(item.action.id.run.name for item in new)
            for found in await self._matching(new, query):
                yield found
                given += 1
                if given >= limit:
                    return
            if not page.token or not page.runs:
                return
            request.request.token = page.token
            edge = when(page.runs[-1].action.status.start_time)
            if new and query.sort_by == "created_at" and edge is not None:
                self._begin_at(request.request, base, edge, newest_first=query.newest_first)

    def _begin_at(self, request: Any, base: list[Any], edge: datetime, *, newest_first: bool) -> None:
        functions = list_pb2.Filter
        beyond = edge + _OVERLAP if newest_first else edge - _OVERLAP
        function = functions.LESS_THAN_OR_EQUAL if newest_first else functions.GREATER_THAN_OR_EQUAL
        condition = functions(function=function, field="created_at", values=[time_text("created_at", beyond)])
        if condition in request.filters:  # more runs than fit a page are of one second
            return
        del request.filters[:]
        request.filters.extend([*base, condition])
        request.token = ""

    async def _matching(self, items: list[Any], query: RunQuery) -> list[RunSnapshot]:
        """Snapshots of those that have the labels; without labels, of all."""
        if not query.labels:
            return [self.unread(item.action) for item in items]
        wanted = dict(query.labels).items()

        async def read(item: Any) -> RunSnapshot | None:
            ref = run_ref(item.action.id.run)
            request = run_service_pb2.GetRunDetailsRequest(run_id=run_id(ref, self._org))
            try:
                details = (await self._calls.unary(rpc("GetRunDetails"), request)).details
            except RunNotFound:
                return None
            if not wanted <= dict(details.run_spec.labels.values).items():
                return None
            return snapshot(details.action, self._console_url(ref), details.run_spec)

        found = await self._calls.transport.map_calls(read, items, limit=_READ_AT_ONCE)
        return [item for item in found if item is not None]

    def unread(self, action: Any) -> RunSnapshot:
        """A run of a list: what is more than its phase is read when it is asked for."""
        ref = run_ref(action.id.run)
        return RunSnapshot.unread(ref, phase_of(action.status.phase), lambda: snapshot(action, self._console_url(ref)))

    async def names(self, kind: EntityKind, project: str, domain: str) -> list[EntityRef]:
        """Names of tasks, or of triggers as launch plans.

        Raises:
            Unsupported: Workflows, which Flyte 2 does not have.
        """
        if kind is EntityKind.WORKFLOW:
            raise Unsupported("Flyte 2 has no workflows; list tasks")
        if kind is EntityKind.TASK:
            return [
                EntityRef.task(name, project=project, domain=domain)
                for name in await self._tasks.names(project, domain)
            ]
        from .triggers import trigger_names

        names = {item.id.name.name async for item in trigger_names(self._calls, project, domain, self._org)}
        return [EntityRef.launch_plan(name, project=project, domain=domain) for name in sorted(names)]

    async def versions(self, entity: EntityRef, limit: int) -> list[EntityRef]:
        """Versions of a task, newest first."""
        return await self._tasks.versions(entity, limit)
