"""FlyteAdmin's lists, page by page. Its tokens are offsets: without an order of rows, pages lose and repeat entries.

Runs are paged by their time instead, as far as they are sorted by it: who archives or aborts what he lists moves what an offset
counts, and would leave out a page for every page.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from flyteidl.admin import common_pb2

from ...model.ids import EntityKind, EntityRef
from ...model.runs import RunSnapshot
from .convert import phase_of, run_ref, snapshot
from .filters import column_of, run_filters, until
from .methods import rpc

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...calls import Calls
    from ...model.ids import RunRef
    from ...model.run_query import RunQuery

__all__ = ["BY_NAME", "Flyte1Lists"]

GENERATED = ".flytegen."

BY_NAME = common_pb2.Sort(key="name", direction=common_pb2.Sort.ASCENDING)
"""The one order that FlyteAdmin's lists of names have; without it they have none, and pages lose and repeat entries."""


class Flyte1Lists:
    """Lists of runs and entities."""

    def __init__(self, calls: Calls, console_url: Callable[[RunRef], str], *, page: int) -> None:
        self._calls = calls
        self._page = page
        self._console_url = console_url

    async def runs(self, project: str, domain: str, query: RunQuery, limit: int) -> AsyncIterator[RunSnapshot]:
        """ListExecutions, newest first unless asked otherwise, page by page as they are consumed.

        A run may come twice, so names already given are skipped. Of several labels FlyteAdmin is asked for one, and the rest
        is looked at here: its filters compare one label at a time.
        """
        labels, base = dict(query.labels or {}), run_filters(query)
        by_time = query.sort_by == "created_at"
        direction = common_pb2.Sort.DESCENDING if query.newest_first else common_pb2.Sort.ASCENDING
        request = common_pb2.ResourceListRequest(
            id=common_pb2.NamedEntityIdentifier(project=project, domain=domain),
            filters=base,
            sort_by=common_pb2.Sort(key=column_of(query.sort_by), direction=direction),
            limit=self._page if len(labels) > 1 else min(self._page, max(limit, 1)),
        )
        seen: set[str] = set()
        while len(seen) < limit:
            page = await self._calls.unary(rpc("ListExecutions"), request)
            for item in page.executions:
                name = item.id.name
                # A refused duplicate leaves its labels among a run's in FlyteAdmin's table; what the run says is right.
                if name in seen or (labels and not labels.items() <= dict(item.spec.labels.values).items()):
                    continue
                seen.add(name)
                ref = run_ref(item.id)
                yield RunSnapshot.unread(ref, phase_of(item.closure.phase), functools.partial(self._whole, item, ref))
                if len(seen) >= limit:
                    return
            if not page.token:
                return
            request.token = page.token
            if by_time:
                beyond = "+".join(filter(None, (base, until(page.executions[-1].closure.created_at, query))))
                if beyond != request.filters:  # else more runs than fit a page are of one time
                    request.filters, request.token = beyond, ""

    def _whole(self, execution: Any, ref: RunRef) -> RunSnapshot:
        return snapshot(execution, self._console_url(ref))

    async def names(self, kind: EntityKind, project: str, domain: str) -> list[EntityRef]:
        """Names of all entities of a kind, sorted, but for what FlyteAdmin makes to run tasks by themselves."""
        method = {
            EntityKind.TASK: rpc("ListTaskIds"),
            EntityKind.WORKFLOW: rpc("ListWorkflowIds"),
            EntityKind.LAUNCH_PLAN: rpc("ListLaunchPlanIds"),
        }[kind]
        request = common_pb2.NamedEntityIdentifierListRequest(
            project=project, domain=domain, limit=self._page, sort_by=BY_NAME
        )
        found: set[str] = set()
        while True:
            page = await self._calls.unary(method, request)
            found.update(item.name for item in page.entities)
            if not page.token:
                # Sorted here too: a database sorts by the rules of some language.
                names = sorted(name for name in found if not name.startswith(GENERATED))
                return [EntityRef(kind, name, project, domain) for name in names]
            request.token = page.token

    async def versions(self, entity: EntityRef, limit: int) -> list[EntityRef]:
        """Versions of one entity, newest first."""
        method, field = {
            EntityKind.TASK: (rpc("ListTasks"), "tasks"),
            EntityKind.WORKFLOW: (rpc("ListWorkflows"), "workflows"),
            EntityKind.LAUNCH_PLAN: (rpc("ListLaunchPlans"), "launch_plans"),
        }[entity.kind]
        named = common_pb2.NamedEntityIdentifier(project=entity.project, domain=entity.domain, name=entity.name)
        sort = common_pb2.Sort(key="created_at", direction=common_pb2.Sort.DESCENDING)
        request = common_pb2.ResourceListRequest(id=named, limit=min(limit, self._page), sort_by=sort)
        found: dict[str, EntityRef] = {}
        while len(found) < limit:
            page = await self._calls.unary(method, request)
            for item in getattr(page, field):
                found.setdefault(item.id.version, entity.pinned(item.id.version))
            if not page.token:
                break
            request.token = page.token
        return list(found.values())[:limit]
