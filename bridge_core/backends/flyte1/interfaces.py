"""What an entity takes and gives, asked of FlyteAdmin: which version is meant, and what is said when there is none."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flyteidl.admin import common_pb2, launch_plan_pb2
from flyteidl.core import identifier_pb2, interface_pb2

from ...model.errors import EntityNotFound, InvalidRequest, NotFound, Unsupported
from ...model.ids import EntityKind
from ..task_specs import task_spec
from ..values import Interface
from .convert import entity_of, identifier
from .methods import rpc
from .missing import named, newest, what_is_missing
from .plan_settings import plan_settings

if TYPE_CHECKING:
    from ...calls import Calls
    from ...config import Config
    from ...model.ids import EntityRef

__all__ = ["Flyte1Interfaces"]

_CACHED = 512


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
            raise EntityNotFound(await what_is_missing(self._calls, entity, self._endpoint), **error.data) from None
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
            request = launch_plan_pb2.ActiveLaunchPlanRequest(id=named(entity))
            try:
                return await self._calls.unary(rpc("GetActiveLaunchPlan"), request)
            except NotFound:
                if entity.version == "active":
                    raise
        return _first(await newest(self._calls, entity, 1), entity)

    async def _task(self, entity: EntityRef) -> Any:
        if entity.version == "active":
            raise InvalidRequest(f"{entity}: only launch plans can be active; use 'latest' or a version")
        if entity.version not in (None, "latest"):
            return await self._calls.unary(rpc("GetTask"), common_pb2.ObjectGetRequest(id=identifier(entity)))
        return _first(await newest(self._calls, entity, 1), entity)


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
        settings=plan_settings(plan.spec),
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
