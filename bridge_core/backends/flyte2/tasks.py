"""Tasks and triggers as what is launched: their interfaces. Nothing is remembered here, not even of a version that is named:
registering a version of Flyte 2 again replaces it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl2.common import identifier_pb2, list_pb2
from flyteidl2.task import task_service_pb2
from flyteidl2.trigger import trigger_service_pb2

from ...model.errors import BridgeError, EntityNotFound, NotFound, Unsupported
from ...model.ids import EntityKind, EntityRef
from ..task_specs import task_spec
from ..values import Interface
from .convert import parameters, project_id, task_id, task_ref, variables
from .methods import rpc

if TYPE_CHECKING:
    from ...calls import Calls
    from ...config import Config

__all__ = ["Flyte2Tasks", "interface_of", "newest_first"]

_NAMED = 5
_UNPINNED = (None, "latest", "active")


def newest_first() -> Any:
    """The order of lists: without it phases come first (action.go), or there is none."""
    return list_pb2.Sort(key="created_at", direction=list_pb2.Sort.DESCENDING)


def equal(field: str, value: str) -> Any:
    """A filter on one value."""
    return list_pb2.Filter(function=list_pb2.Filter.EQUAL, field=field, values=[value])


class Flyte2Tasks:
    """Reads what is registered."""

    def __init__(self, calls: Calls, config: Config) -> None:
        self._calls = calls
        self._config = config

    async def interface(self, entity: EntityRef) -> Interface:
        """Of a task, by its version or the newest; of a trigger (``launch_plan``), or of the task that has its name.

        Raises:
            EntityNotFound: Neither is there.
            Unsupported: A workflow, which Flyte 2 does not have.
        """
        if entity.kind is EntityKind.WORKFLOW:
            raise Unsupported(
                f"{entity}: Flyte 2 has no workflows; name the task that is its entry point: task:{entity.name}"
            )
        if entity.kind is EntityKind.LAUNCH_PLAN:
            trigger = await self.trigger(entity)
            if trigger is not None:
                return await self._of_trigger(entity, trigger)
        details = await self.details(entity)
        return interface_of(task_ref(details.task_id), details.spec)

    async def details(self, entity: EntityRef) -> Any:
        """GetTaskDetails; without a version one list before it."""
        pinned = entity if entity.version not in _UNPINNED else await self._newest(entity)
        request = task_service_pb2.GetTaskDetailsRequest(task_id=task_id(pinned, self._config.org))
        try:
            return (await self._calls.unary(rpc("GetTaskDetails"), request)).details
        except NotFound as error:
            raise EntityNotFound(await self._missing(entity), **error.data) from None

    async def trigger(self, entity: EntityRef) -> Any | None:
        """``TriggerDetails``, or None. Found by its own name: which task it is of need not be known (trigger.go)."""
        name = identifier_pb2.TriggerName(
            org=self._config.org or "", project=entity.project, domain=entity.domain, name=entity.name
        )
        request = trigger_service_pb2.GetTriggerDetailsRequest(name=name)
        try:
            return (await self._calls.unary(rpc("GetTriggerDetails"), request)).trigger
        except NotFound:
            return None

    async def _of_trigger(self, entity: EntityRef, trigger: Any) -> Interface:
        """What it stores is its own: a caller who gives inputs replaces all of them."""
        name = trigger.id.name
        task = EntityRef.task(
            name.task_name, project=name.project, domain=name.domain, version=trigger.spec.task_version
        )
        found = await self.interface(task)
        stored = trigger.spec.WhichOneof("input_wrapper") is not None
        own = dict(found.parameters)
        if stored:
            for key, item in own.items():
                own[key] = type(item)(var=item.var, required=False)
        return Interface(
            entity=entity.pinned(trigger.spec.task_version),
            parameters=own,
            outputs=found.outputs,
            task=found.task,
            active=trigger.spec.active,
        )

    async def _newest(self, entity: EntityRef) -> EntityRef:
        versions = await self.versions(entity, 1)
        if not versions:
            raise EntityNotFound(await self._missing(entity), code="NOT_FOUND")
        return versions[0]

    async def versions(self, entity: EntityRef, limit: int) -> list[EntityRef]:
        """ListVersions, newest first: the order in which they were registered first, for a version keeps its time."""
        request = task_service_pb2.ListVersionsRequest(
            request=list_pb2.ListRequest(limit=min(limit, 200), sort_by_fields=[newest_first()]),
        )
        request.task_name.org = self._config.org or ""
        request.task_name.project, request.task_name.domain = entity.project or "", entity.domain or ""
        request.task_name.name = entity.name
        found: dict[str, EntityRef] = {}
        while len(found) < limit:
            page = await self._calls.unary(rpc("ListVersions"), request)
            for item in page.versions:
                if item.version:
                    task = EntityRef.task(entity.name, project=entity.project, domain=entity.domain)
                    found.setdefault(item.version, task.pinned(item.version))
            if not page.token or not page.versions:
                break
            request.request.token = page.token
        return list(found.values())[:limit]

    async def names(self, project: str, domain: str, *, containing: str = "", limit: int | None = None) -> list[str]:
        """ListTasks: names, sorted."""
        ask = list_pb2.ListRequest(limit=200, sort_by_fields=[newest_first()])
        if containing:
            ask.filters.append(list_pb2.Filter(function=list_pb2.Filter.CONTAINS, field="name", values=[containing]))
        request = task_service_pb2.ListTasksRequest(
            request=ask, project_id=project_id(project, domain, self._config.org)
        )
        found: set[str] = set()
        while True:
            page = await self._calls.unary(rpc("ListTasks"), request)
            found.update(item.task_id.name for item in page.tasks)
            if not page.token or not page.tasks or (limit is not None and len(found) >= limit):
                return sorted(found)
            request.request.token = page.token

    async def _missing(self, entity: EntityRef) -> str:
        """The version, with the newest that exist, or the name, with the nearest."""
        where = f"{entity.project}/{entity.domain} at {self._config.endpoint}"
        kind = "task" if entity.kind is EntityKind.TASK else "trigger or task"
        try:
            if versions := await self.versions(entity, _NAMED):
                shown = ", ".join(item.version or "" for item in versions)
                return (
                    f"task {entity.name!r} in {where} has no version {entity.version!r}; the newest: {shown}. Register it, or "
                    "ask for 'latest'"
                )
            from difflib import get_close_matches

            names = await self.names(entity.project or "", entity.domain or "", limit=1000)
            near = get_close_matches(entity.name, names, n=3, cutoff=0.5)
            hint = (
                f"did you mean {' or '.join(map(repr, near))}?" if near else f"{len(names)} tasks are registered there"
            )
        except BridgeError:  # what is missing is known; what there is instead could not be asked
            version = f"@{entity.version}" if entity.version else ""
            return f"no {kind} '{entity.name}{version}' in {where}"
        return f"no {kind} {entity.name!r} in {where}; {hint}"


def interface_of(entity: EntityRef, spec: Any) -> Interface:
    """What a ``TaskSpec`` takes and gives."""
    return Interface(
        entity=entity,
        parameters=parameters(spec),
        outputs={name: item.type for name, item in variables(spec.task_template.interface.outputs).items()},
        task=task_spec(spec.task_template),
    )
