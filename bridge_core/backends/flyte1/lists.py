"""FlyteAdmin's lists: filters in its grammar, pages by offset.

The grammar (flyteadmin impl/util/filters.go) has no escaping: ``fn(column,value)`` joined by ``+``, list values joined by
``;``. A ``+`` in a value would end the expression, hence times are written with ``Z``; what cannot be written is refused.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flyteidl.admin import common_pb2

from ...model.errors import InvalidRequest
from ...model.ids import EntityKind, EntityRef
from .convert import phase_of, run_ref, snapshot
from .methods import rpc

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...calls import Calls
    from ...model.ids import RunRef
    from ...model.runs import RunQuery, RunSnapshot

__all__ = ["Flyte1Lists", "run_filters"]

_RESERVED = frozenset("+;(),")
_WIRE_PHASES = ("UNDEFINED", "QUEUED", "RUNNING", "SUCCEEDING", "SUCCEEDED", "FAILING", "FAILED", "ABORTED",
                "TIMED_OUT", "ABORTING")  # fmt: skip

_GENERATED = ".flytegen."


class Flyte1Lists:
    """Lists of runs and entities."""

    def __init__(self, calls: Calls, console_url: Callable[[RunRef], str], *, page: int) -> None:
        self._calls = calls
        self._page = page
        self._console_url = console_url

    async def runs(self, project: str, domain: str, query: RunQuery, limit: int) -> AsyncIterator[RunSnapshot]:
        """ListExecutions, newest first unless asked otherwise, page by page as they are consumed.

        Offset paging is unstable while runs are created: a run may be seen twice, so names already given are skipped.
        """
        direction = common_pb2.Sort.DESCENDING if query.newest_first else common_pb2.Sort.ASCENDING
        request = common_pb2.ResourceListRequest(
            id=common_pb2.NamedEntityIdentifier(project=project, domain=domain),
            filters=run_filters(query),
            sort_by=common_pb2.Sort(key="created_at", direction=direction),
        )
        seen: set[str] = set()
        while len(seen) < limit:
            request.limit = min(self._page, limit)
            page = await self._calls.unary(rpc("ListExecutions"), request)
            for item in page.executions:
                if item.id.name in seen or len(seen) >= limit:
                    continue
                seen.add(item.id.name)
                yield snapshot(item, self._console_url(run_ref(item.id)))
            if not page.token:
                return
            request.token = page.token

    async def names(self, kind: EntityKind, project: str, domain: str) -> list[EntityRef]:
        """Names of all entities of a kind, but for what FlyteAdmin makes to run tasks by themselves."""
        method = {
            EntityKind.TASK: rpc("ListTaskIds"),
            EntityKind.WORKFLOW: rpc("ListWorkflowIds"),
            EntityKind.LAUNCH_PLAN: rpc("ListLaunchPlanIds"),
        }[kind]
        request = common_pb2.NamedEntityIdentifierListRequest(project=project, domain=domain, limit=self._page)
        out: list[EntityRef] = []
        while True:
            page = await self._calls.unary(method, request)
            names = (item.name for item in page.entities)
            out.extend(EntityRef(kind, name, project, domain) for name in names if not name.startswith(_GENERATED))
            if not page.token:
                return out
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
        out: list[EntityRef] = []
        while len(out) < limit:
            page = await self._calls.unary(method, request)
            out.extend(entity.pinned(item.id.version) for item in getattr(page, field))
            if not page.token:
                break
            request.token = page.token
        return out[:limit]


def run_filters(query: RunQuery) -> str:
    """The filter expression of a query. Columns are those of FlyteAdmin's allow-list (models/execution.go)."""
    parts: list[str] = []
    if query.phases:
        wanted = [name for number, name in enumerate(_WIRE_PHASES) if phase_of(number) in query.phases]
        if not wanted:
            raise InvalidRequest(f"no run of Flyte 1 is ever in phase {', '.join(p.value for p in query.phases)}")
        parts.append(f"value_in(phase,{';'.join(wanted)})")
    if query.entity is not None:
        parts.append(f"eq(launch_plan.name,{_value('entity', query.entity)})")
    if query.name_contains is not None:
        parts.append(f"contains(execution_name,{_value('name_contains', query.name_contains)})")
    if query.created_after is not None:
        parts.append(f"gte(execution_created_at,{_time('created_after', query.created_after)})")
    if query.created_before is not None:
        parts.append(f"lt(execution_created_at,{_time('created_before', query.created_before)})")
    for key, value in (query.labels or {}).items():
        parts.append(f"eq(execution_tag.key,{_value('labels', key)})")
        parts.append(f"eq(execution_tag.value,{_value('labels', value)})")
    if query.archived is not None:
        parts.append(f"eq(state,{int(query.archived)})")
    return "+".join(parts)


def _value(where: str, text: str) -> str:
    bad = sorted(_RESERVED & set(text))
    if bad or not text:
        raise InvalidRequest(
            f"list_runs({where}={text!r}): FlyteAdmin's filters have no escaping, so a value must not be empty or contain "
            f"{' '.join(_RESERVED)}; filter the snapshots yourself instead"
        )
    return text


def _time(where: str, when: datetime) -> str:
    if when.tzinfo is None:
        raise InvalidRequest(
            f"list_runs({where}={when!r}): a datetime with a zone is wanted, for instance datetime.now(UTC)"
        )
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z")
