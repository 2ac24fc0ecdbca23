"""Triggers on Flyte 1: a launch plan of the trigger's name that carries the schedule and the inputs.

It is a launch plan of its own, so that the entity's own launch plan stays as it is: a launch plan has one schedule, its fixed
inputs cannot be overridden, and activating a version deactivates the one before. Its version is a digest of its content, so
deploying the same trigger again finds it.

What FlyteAdmin cannot do is refused here instead of being ignored there: a task (launch plans are of workflows), and what
`schedules` names.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from flyteidl.admin import common_pb2, launch_plan_pb2

from ...model.digests import letters
from ...model.errors import EntityNotFound, NotFound, Unsupported
from ...model.ids import EntityKind, EntityRef
from ...model.run_errors import AlreadyExists
from ...schedules import DeployedTrigger, Trigger
from .convert import entity_of, identifier
from .lists import BY_NAME
from .methods import rpc
from .schedules import MINUTES, check_schedule, set_schedule
from .spec import check_options, set_shared_fields

if TYPE_CHECKING:
    from ...calls import Calls
    from ..values import Interface

__all__ = ["Flyte1Triggers"]

_PAGE = 100
_LABEL = "flyte-bridge-trigger"
_DESCRIPTION = "flyte-bridge-description"
_IN_LAUNCH_PLANS = frozenset({
    "labels", "annotations", "env_vars", "interruptible", "overwrite_cache", "raw_data_path", "service_account",
    "max_parallelism", "cluster_pool", "log_level", "log_format",
})  # fmt: skip


class Flyte1Triggers:
    """Launch plans with schedules."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def check(self, trigger: Trigger, interface: Interface) -> None:
        """Refuses what Flyte 1 cannot do, before anything is uploaded or sent.

        Raises:
            Unsupported: By name, with the reason and the way out.
            InvalidRequest: The kickoff input does not exist, is fixed, or is no datetime.
        """
        where = f"trigger {trigger.name!r}"
        if trigger.entity.kind is EntityKind.TASK:
            raise Unsupported(
                f"{where}: Flyte 1 schedules launch plans of workflows, not tasks; wrap {trigger.entity.name} in a workflow, or "
                "run the trigger with 'flyte-bridge scheduler run'"
            )
        check_schedule(
            where,
            trigger.automation,
            trigger.kickoff_inputs,
            entity=interface.entity,
            parameters=interface.parameters,
            fixed=interface.fixed,
        )
        check_options(trigger.options)
        for option in trigger.options.to_mapping():
            if option not in _IN_LAUNCH_PLANS:
                raise Unsupported(
                    f"{where}: run option {option!r} cannot be put into a Flyte 1 launch plan (yet); leave it out, or run the "
                    "trigger with 'flyte-bridge scheduler run'"
                )

    async def deploy(self, trigger: Trigger, interface: Interface, literals: Any) -> DeployedTrigger:
        """CreateLaunchPlan, then UpdateLaunchPlan unless it is active already.

        Args:
            trigger: Checked.
            interface: Of the launch plan that the trigger is about, pinned.
            literals: ``LiteralMap`` of the inputs that the trigger gives.
        """
        base = await self._calls.unary(
            rpc("GetLaunchPlan"), common_pb2.ObjectGetRequest(id=identifier(interface.entity))
        )
        spec = _spec(trigger, base.spec, literals)
        digest = hashlib.sha256(spec.SerializeToString(deterministic=True)).digest()
        ref = EntityRef.launch_plan(
            trigger.name,
            project=interface.entity.project,
            domain=interface.entity.domain,
            version=f"bridge-{letters(digest, 18)}",
        )
        created = True
        try:
            request = launch_plan_pb2.LaunchPlanCreateRequest(id=identifier(ref), spec=spec)
            await self._calls.unary(rpc("CreateLaunchPlan"), request)
        except AlreadyExists:
            created = False
        if trigger.auto_activate:
            await self.activate(ref)
        plan = await self._get(ref)
        return _deployed(plan, created=created)

    async def activate(self, ref: EntityRef) -> DeployedTrigger:
        """UpdateLaunchPlan ACTIVE; not sent when it is: FlyteAdmin would begin its schedule anew."""
        plan = await self._get(ref)
        if plan.closure.state != launch_plan_pb2.ACTIVE:
            await self._set(plan, launch_plan_pb2.ACTIVE)
            plan = await self._get(entity_of(plan.id))
        return _deployed(plan)

    async def deactivate(self, ref: EntityRef) -> DeployedTrigger:
        """UpdateLaunchPlan INACTIVE, of the pinned or else the active version; what is inactive stays so."""
        if ref.version in (None, "active"):
            try:
                plan = await self._calls.unary(
                    rpc("GetActiveLaunchPlan"), launch_plan_pb2.ActiveLaunchPlanRequest(id=_named(ref))
                )
            except NotFound:
                return _deployed(await self._get(ref.pinned("latest")))
        else:
            plan = await self._get(ref)
        if plan.closure.state == launch_plan_pb2.ACTIVE:
            await self._set(plan, launch_plan_pb2.INACTIVE)
            plan = await self._get(entity_of(plan.id))
        return _deployed(plan)

    async def delete(self, ref: EntityRef) -> None:
        """FlyteAdmin keeps launch plans for ever.

        Raises:
            Unsupported: Always.
        """
        raise Unsupported(f"{ref}: Flyte 1 cannot delete launch plans; deactivate it, which stops its schedule")

    async def listed(self, project: str, domain: str) -> AsyncIterator[DeployedTrigger]:
        """Launch plans that have a schedule, one per name: the active version, else the newest."""
        active: set[str] = set()
        request = launch_plan_pb2.ActiveLaunchPlanListRequest(
            project=project, domain=domain, limit=_PAGE, sort_by=BY_NAME
        )
        while True:
            page = await self._calls.unary(rpc("ListActiveLaunchPlans"), request)
            for plan in page.launch_plans:
                active.add(plan.id.name)
                if _scheduled(plan):
                    yield _deployed(plan)
            if not page.token:
                break
            request.token = page.token
        newest = common_pb2.ResourceListRequest(
            id=common_pb2.NamedEntityIdentifier(project=project, domain=domain),
            limit=_PAGE,
            sort_by=common_pb2.Sort(key="created_at", direction=common_pb2.Sort.DESCENDING),
        )
        while True:
            page = await self._calls.unary(rpc("ListLaunchPlans"), newest)
            for plan in page.launch_plans:
                if plan.id.name not in active:
                    active.add(plan.id.name)
                    if _scheduled(plan):
                        yield _deployed(plan)
            if not page.token:
                return
            newest.token = page.token

    async def _get(self, ref: EntityRef) -> Any:
        try:
            if ref.version not in (None, "latest", "active"):
                return await self._calls.unary(rpc("GetLaunchPlan"), common_pb2.ObjectGetRequest(id=identifier(ref)))
            request = common_pb2.ResourceListRequest(
                id=_named(ref),
                limit=1,
                sort_by=common_pb2.Sort(key="created_at", direction=common_pb2.Sort.DESCENDING),
            )
            page = await self._calls.unary(rpc("ListLaunchPlans"), request)
        except NotFound as error:
            raise _missing(ref, error.details) from None
        if not page.launch_plans:
            raise _missing(ref, None)
        return page.launch_plans[0]

    async def _set(self, plan: Any, state: Any) -> None:
        await self._calls.unary(
            rpc("UpdateLaunchPlan"), launch_plan_pb2.LaunchPlanUpdateRequest(id=plan.id, state=state)
        )


def _spec(trigger: Trigger, base: Any, literals: Any) -> Any:
    """The base launch plan's, with the trigger's inputs fixed, its schedule and its options."""
    spec = launch_plan_pb2.LaunchPlanSpec()
    spec.CopyFrom(base)
    for name, literal in sorted(literals.literals.items()):
        spec.fixed_inputs.literals[name].CopyFrom(literal)
        spec.default_inputs.parameters.pop(name, None)
    spec.entity_metadata.ClearField("schedule")
    set_schedule(spec.entity_metadata.schedule, trigger.automation, trigger.kickoff_inputs)
    _apply_options(spec, trigger)
    return spec


def _apply_options(spec: Any, trigger: Trigger) -> None:
    options = trigger.options
    labels = {**spec.labels.values, **(options.labels or {}), _LABEL: trigger.label}
    spec.labels.CopyFrom(common_pb2.Labels(values=labels))
    if options.annotations is not None or trigger.description:
        ours = {_DESCRIPTION: trigger.description} if trigger.description else {}
        merged = {**spec.annotations.values, **(options.annotations or {}), **ours}
        spec.annotations.CopyFrom(common_pb2.Annotations(values=merged))
    set_shared_fields(spec, options)


def _scheduled(plan: Any) -> bool:
    return plan.spec.entity_metadata.schedule.WhichOneof("ScheduleExpression") is not None


def _deployed(plan: Any, *, created: bool = False) -> DeployedTrigger:
    schedule = plan.spec.entity_metadata.schedule
    kind = schedule.WhichOneof("ScheduleExpression")
    text = ""
    if kind == "rate":
        text = f"every {schedule.rate.value * MINUTES[schedule.rate.unit]} min"
    elif kind is not None:
        text = schedule.cron_schedule.schedule if kind == "cron_schedule" else schedule.cron_expression
    workflow = plan.spec.workflow_id
    return DeployedTrigger(
        ref=entity_of(plan.id),
        entity=EntityRef.workflow(
            workflow.name, project=workflow.project, domain=workflow.domain, version=workflow.version
        ),
        schedule=text,
        kickoff_input=schedule.kickoff_time_input_arg,
        active=plan.closure.state == launch_plan_pb2.ACTIVE,
        created=created,
        description=plan.spec.annotations.values.get(_DESCRIPTION, ""),
    )


def _named(ref: EntityRef) -> Any:
    return common_pb2.NamedEntityIdentifier(project=ref.project, domain=ref.domain, name=ref.name)


def _missing(ref: EntityRef, details: str | None) -> EntityNotFound:
    return EntityNotFound(
        f"no launch plan {ref.name!r} in {ref.project}/{ref.domain}"
        + (f" of version {ref.version!r}" if ref.version not in (None, "latest", "active") else "")
        + "; deploy the trigger first, or look at 'flyte-bridge trigger list'",
        code="NOT_FOUND",
        details=details,
    )
