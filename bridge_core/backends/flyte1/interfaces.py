"""What an entity takes and gives, asked of FlyteAdmin: which version is meant, and what is said when there is none."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flyteidl.admin import common_pb2, launch_plan_pb2
from flyteidl.core import identifier_pb2, interface_pb2

from ...model.errors import BridgeError, EntityNotFound, InvalidRequest, NotFound, Unsupported
from ...model.ids import EntityKind
from ..task_specs import task_spec
from ..values import Interface
from .convert import entity_of, identifier
from .methods import rpc

if TYPE_CHECKING:
    from ...calls import Calls
    from ...config import Config
    from ...model.ids import EntityRef

__all__ = ["Flyte1Interfaces"]

_CACHED = 512
_NAMED_VERSIONS = 3
_NAMES = 1000


class Flyte1Interfaces:
    """Interfaces of tasks and launch plans. Keeps those of fully versioned entities, which FlyteAdmin never changes."""

    def __init__(self, calls: Calls, config: Config) -> None:
        self._calls = calls
        self._endpoint = config.endpoint
        self._pinned: OrderedDict[EntityRef, Interface] = OrderedDict()

    def clear(self) -> None:
        """Forgets all of them."""
        self._pinned.clear()

    async def of(self, entity: EntityRef) -> Interface:
        """GetLaunchPlan, GetTask, or what finds the version first. Only pinned versions are cached.

        Raises:
            EntityNotFound: There is no such entity, or no such version; names what there is.
        """
        pinned = entity.version not in (None, "latest", "active")
        if pinned and (hit := self._pinned.get(entity)) is not None:
            self._pinned.move_to_end(entity)
            return hit
        try:
            if entity.kind is EntityKind.TASK:
                found = _task_interface(await self._task(entity))
            else:
                found = _plan_interface(await self._plan(entity))
        except NotFound as error:
            raise EntityNotFound(await self._what_is_missing(entity), **error.data) from None
        self._pinned[found.entity] = found
        if pinned:
            self._pinned[entity] = found
        while len(self._pinned) > _CACHED:
            self._pinned.popitem(last=False)
        return found

    async def description(self, entity: EntityRef) -> str:
        """GetDescriptionEntity, of the task or of the launch plan's workflow; that there is none is no error."""
        identity = identifier(entity)
        if identity.resource_type == identifier_pb2.LAUNCH_PLAN:
            identity.resource_type = identifier_pb2.WORKFLOW
        try:
            found = await self._calls.unary(rpc("GetDescriptionEntity"), common_pb2.ObjectGetRequest(id=identity))
        except (NotFound, Unsupported, InvalidRequest):
            return ""
        # flytekit takes a docstring apart: its first line is short, the rest is long.
        parts = (found.short_description.strip(), found.long_description.value.strip())
        return "\n\n".join(part for part in parts if part)

    async def _plan(self, entity: EntityRef) -> Any:
        if entity.version not in (None, "latest", "active"):
            return await self._calls.unary(rpc("GetLaunchPlan"), common_pb2.ObjectGetRequest(id=identifier(entity)))
        if entity.version != "latest":
            request = launch_plan_pb2.ActiveLaunchPlanRequest(id=_named(entity))
            try:
                return await self._calls.unary(rpc("GetActiveLaunchPlan"), request)
            except NotFound:
                if entity.version == "active":
                    raise
        return _first(await self._newest(entity, 1), entity)

    async def _task(self, entity: EntityRef) -> Any:
        if entity.version == "active":
            raise InvalidRequest(f"{entity}: only launch plans can be active; use 'latest' or a version")
        if entity.version not in (None, "latest"):
            return await self._calls.unary(rpc("GetTask"), common_pb2.ObjectGetRequest(id=identifier(entity)))
        return _first(await self._newest(entity, 1), entity)

    async def _newest(self, entity: EntityRef, limit: int) -> Sequence[Any]:
        sort = common_pb2.Sort(key="created_at", direction=common_pb2.Sort.DESCENDING)
        request = common_pb2.ResourceListRequest(id=_named(entity), limit=limit, sort_by=sort)
        if entity.kind is EntityKind.TASK:
            return (await self._calls.unary(rpc("ListTasks"), request)).tasks  # type: ignore[no-any-return]
        return (await self._calls.unary(rpc("ListLaunchPlans"), request)).launch_plans  # type: ignore[no-any-return]

    async def _what_is_missing(self, entity: EntityRef) -> str:
        """The version, with the newest that exist, or the name, with the nearest."""
        kind = entity.kind.value.replace("_", " ")
        where = f"{entity.project}/{entity.domain} at {self._endpoint}"
        try:
            if versions := [item.id.version for item in await self._newest(entity, _NAMED_VERSIONS)]:
                active = entity.version == "active"
                wanted, way_out = (
                    ("active version", "Activate one") if active else (f"version {entity.version!r}", "Register it")
                )
                return (
                    f"{kind} {entity.name!r} in {where} has no {wanted}; the newest: {', '.join(versions)}. "
                    f"{way_out}, or ask for 'latest'"
                )
            return f"no {kind} {entity.name!r} in {where}{await self._nearest(entity)}"
        except BridgeError:  # what is missing is known; what there is instead could not be asked
            version = f"@{entity.version}" if entity.version else ""
            return f"no {kind} '{entity.name}{version}' in {where}"

    async def _nearest(self, entity: EntityRef) -> str:
        from difflib import get_close_matches

        method = rpc("ListTaskIds") if entity.kind is EntityKind.TASK else rpc("ListLaunchPlanIds")
        request = common_pb2.NamedEntityIdentifierListRequest(
            project=entity.project, domain=entity.domain, limit=_NAMES
        )
        names = [item.name for item in (await self._calls.unary(method, request)).entities]
        near = get_close_matches(entity.name, names, n=3, cutoff=0.5)
        return f"; did you mean {' or '.join(map(repr, near))}?" if near else f"; {len(names)} are registered there"


def _named(entity: EntityRef) -> Any:
    return common_pb2.NamedEntityIdentifier(project=entity.project, domain=entity.domain, name=entity.name)


def _first(items: Sequence[Any], entity: EntityRef) -> Any:
    if not items:
        raise NotFound(f"no version of {entity}", code="NOT_FOUND")
    return items[0]


def _plan_interface(plan: Any) -> Interface:
    return Interface(
        entity=entity_of(plan.id),
        parameters=dict(plan.closure.expected_inputs.parameters),
        fixed=dict(plan.spec.fixed_inputs.literals),
        outputs={name: variable.type for name, variable in plan.closure.expected_outputs.variables.items()},
        labels=dict(plan.spec.labels.values),
        annotations=dict(plan.spec.annotations.values),
        active=plan.closure.state == launch_plan_pb2.ACTIVE,
        workflow=entity_of(plan.spec.workflow_id),
    )


def _task_interface(task: Any) -> Interface:
    interface = task.closure.compiled_task.template.interface
    return Interface(
        entity=entity_of(task.id),
        parameters={
            name: interface_pb2.Parameter(var=variable, required=True)
            for name, variable in interface.inputs.variables.items()
        },
        outputs={name: variable.type for name, variable in interface.outputs.variables.items()},
        task=task_spec(task.closure.compiled_task.template),
    )
