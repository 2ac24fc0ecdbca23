"""Triggers on Flyte 2: ``DeployTrigger``, around what its open-source scheduler does wrong (2.0.43, seen).

* Inputs that a trigger stores inline are never used when it fires, so they are stored with ``UploadInputs``, defaults included.
* A kickoff argument makes it send that one input and leave out the stored ones. A trigger that has both keeps the name of the
  argument in the context of its stored inputs instead, where the SDK's runtime (2.3.6 and later) looks for it; other tasks
  cannot have both.
* It redeploys whatever it is told; a rate of 0 makes it loop for ever, which `FixedRate` cannot be.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from flyteidl.core import types_pb2
from flyteidl2.common import identifier_pb2, list_pb2
from flyteidl2.dataproxy import dataproxy_service_pb2
from flyteidl2.task import common_pb2
from flyteidl2.trigger import trigger_definition_pb2, trigger_service_pb2

from ...model.errors import EntityNotFound, InvalidRequest, NotFound, Unsupported
from ...model.ids import EntityKind, EntityRef
from ...schedules import Cron, DeployedTrigger, FixedRate, Trigger
from .convert import inputs_message, project_id, task_id
from .methods import rpc
from .spec import check_options, run_spec

if TYPE_CHECKING:
    from ...calls import Calls
    from ...config import Config
    from ..values import Interface
    from .tasks import Flyte2Tasks

__all__ = ["KICKOFF", "Flyte2Triggers", "trigger_names"]

_PAGE = 200
KICKOFF = "_u_kickoff_time_input_arg"
"""Where the SDK's runtime finds the name of the input that gets the tick (``flyte._internal.runtime.convert``)."""
_RUNTIME = (2, 3, 6)
"""Version of the SDK from which it does, and from which the server tells tasks their tick."""
_UNITS = {
    common_pb2.FIXED_RATE_UNIT_MINUTE: 1,
    common_pb2.FIXED_RATE_UNIT_HOUR: 60,
    common_pb2.FIXED_RATE_UNIT_DAY: 1440,
}


class Flyte2Triggers:
    """What Flyte 2 itself fires."""

    def __init__(self, calls: Calls, config: Config, tasks: Flyte2Tasks) -> None:
        self._calls = calls
        self._org = config.org
        self._tasks = tasks

    def check(self, trigger: Trigger, interface: Interface) -> None:
        """Refuses what Flyte 2 cannot do, before anything is sent.

        Raises:
            Unsupported: By name, with the way out.
            InvalidRequest: The kickoff input does not exist, or is no datetime.
        """
        where = f"trigger {trigger.name!r}"
        if interface.entity.kind is not EntityKind.TASK:
            raise InvalidRequest(
                f"{where}: Flyte 2 fires tasks, and {interface.entity} is a trigger itself; name its task"
            )
        kickoff = trigger.kickoff_inputs
        if len(kickoff) > 1:
            raise Unsupported(
                f"{where}: {len(kickoff)} inputs are TriggerTime ({', '.join(kickoff)}); Flyte 2 fills one: bind one of them"
            )
        for name in kickoff:
            if name not in interface.parameters:
                known = ", ".join(sorted(interface.parameters)) or "none"
                raise InvalidRequest(f"{where}: input {name!r} is TriggerTime, but {interface.entity} takes {known}")
            if interface.parameters[name].var.type.simple != types_pb2.DATETIME:
                raise InvalidRequest(
                    f"{where}: input {name!r} is TriggerTime, but not a datetime in {interface.entity}"
                )
        check_options(trigger.options)

    async def deploy(self, trigger: Trigger, interface: Interface, literals: Any) -> DeployedTrigger:
        """UploadInputs when there are any, then DeployTrigger unless the server has this very trigger.

        Args:
            trigger: Checked.
            interface: Of its task, pinned.
            literals: ``LiteralMap`` of the inputs that the trigger gives.
        """
        entity, kickoff = interface.entity, next(iter(trigger.kickoff_inputs), "")
        name = self._name(entity, trigger.name)
        spec = trigger_definition_pb2.TriggerSpec(
            active=trigger.auto_activate,
            task_version=entity.version,
            description=trigger.description,
            run_spec=run_spec(trigger.options),
        )
        in_context = bool(literals.literals or trigger.options.custom_context) and bool(kickoff)
        if in_context:
            await self._check_runtime(trigger, entity)
        if literals.literals or trigger.options.custom_context:
            await self._store_inputs(spec, trigger, interface, literals, kickoff)
        automation = _automation(trigger, "" if in_context else kickoff)
        known = await self.get(name)
        if known is not None and _same(known, spec, automation):
            return _deployed(known)
        request = trigger_service_pb2.DeployTriggerRequest(name=name, spec=spec, automation_spec=automation)
        return _deployed(await self.put(request, known), created=True)

    async def put(self, request: Any, known: Any | None) -> Any:
        """DeployTrigger, of one that is there as ``known`` or not at all; its ``TriggerDetails``."""
        if known is not None:
            request.revision = known.id.revision  # else a change that somebody makes now would be lost
        return (await self._calls.unary(rpc("DeployTrigger"), request)).trigger

    async def activate(self, ref: EntityRef) -> DeployedTrigger:
        """UpdateTriggers, unless it is active: each time is a revision."""
        return await self._set(ref, active=True)

    async def deactivate(self, ref: EntityRef) -> DeployedTrigger:
        """UpdateTriggers, unless it is inactive."""
        return await self._set(ref, active=False)

    async def delete(self, ref: EntityRef) -> None:
        """DeleteTriggers; deploying it again brings it back with its revisions."""
        found = await self._tasks.trigger(ref)
        if found is not None:
            request = trigger_service_pb2.DeleteTriggersRequest(names=[found.id.name])
            await self._calls.unary(rpc("DeleteTriggers"), request)

    async def listed(self, project: str, domain: str) -> AsyncIterator[DeployedTrigger]:
        """ListTriggers; those with a schedule."""
        async for item in trigger_names(self._calls, project, domain, self._org):
            if item.automation_spec.WhichOneof("automation") == "schedule":
                yield _deployed(item)

    async def _set(self, ref: EntityRef, *, active: bool) -> DeployedTrigger:
        found = await self._tasks.trigger(ref)
        if found is None:
            raise EntityNotFound(
                f"no trigger {ref.name!r} in {ref.project}/{ref.domain}; deploy it first, or look at 'flyte-bridge trigger list'",
                code="NOT_FOUND",
            )
        if found.spec.active is not active:
            request = trigger_service_pb2.UpdateTriggersRequest(names=[found.id.name], active=active)
            await self._calls.unary(rpc("UpdateTriggers"), request)
            found = await self.get(found.id.name) or found
        return _deployed(found)

    async def get(self, name: Any) -> Any | None:
        """``TriggerDetails``, or None."""
        try:
            request = trigger_service_pb2.GetTriggerDetailsRequest(name=name)
            return (await self._calls.unary(rpc("GetTriggerDetails"), request)).trigger
        except NotFound:
            return None

    async def _check_runtime(self, trigger: Trigger, entity: EntityRef) -> None:
        template = (await self._tasks.details(entity)).spec.task_template
        runtime = template.metadata.runtime
        numbers = tuple(int(part) for part in runtime.version.split(".")[:3] if part.isdigit())
        if runtime.type != runtime.FLYTE_SDK or numbers < _RUNTIME:
            raise Unsupported(
                f"trigger {trigger.name!r}: it binds TriggerTime and gives other inputs, and the scheduler of the open-source "
                f"Flyte 2 then leaves out the others; only its SDK's tasks from {'.'.join(map(str, _RUNTIME))} on can have both, "
                f"and {entity} is of {runtime.flavor or 'another kind'} {runtime.version}. Make the other inputs defaults of the "
                "task, or run the trigger with 'flyte-bridge scheduler run', Airflow or Dagster"
            )

    async def _store_inputs(
        self, spec: Any, trigger: Trigger, interface: Interface, literals: Any, kickoff: str
    ) -> None:
        whole = type(literals)()
        whole.CopyFrom(literals)
        for name, item in interface.parameters.items():  # nobody fills defaults into stored inputs
            if name not in whole.literals and name != kickoff and item.HasField("default"):
                whole.literals[name].CopyFrom(item.default)
        context = dict(trigger.options.custom_context or {})
        if kickoff:
            context[KICKOFF] = kickoff
        await self.store(spec, interface.entity, inputs_message(whole, context))

    async def store(self, spec: Any, entity: EntityRef, inputs: Any) -> None:
        """UploadInputs for a trigger of that task; the spec says where they are."""
        request = dataproxy_service_pb2.UploadInputsRequest(
            project_id=project_id(entity.project or "", entity.domain or "", self._org),
            task_id=task_id(entity, self._org),
            inputs=inputs,
        )
        answer = await self._calls.unary(rpc("UploadInputs"), request)
        spec.offloaded_input_data.CopyFrom(answer.offloaded_input_data)

    def _name(self, entity: EntityRef, name: str) -> Any:
        return identifier_pb2.TriggerName(
            org=self._org or "", project=entity.project, domain=entity.domain, name=name, task_name=entity.name
        )


async def trigger_names(calls: Calls, project: str, domain: str, org: str | None) -> AsyncIterator[Any]:
    """``Trigger`` messages of a project and domain. A full page is followed by another, perhaps empty one."""
    by_name = list_pb2.Sort(key="name", direction=list_pb2.Sort.ASCENDING)
    request = trigger_service_pb2.ListTriggersRequest(
        request=list_pb2.ListRequest(limit=_PAGE, sort_by_fields=[by_name]), project_id=project_id(project, domain, org)
    )
    while True:
        page = await calls.unary(rpc("ListTriggers"), request)
        for item in page.triggers:
            yield item
        if not page.token or not page.triggers:
            return
        request.request.token = page.token


def _automation(trigger: Trigger, kickoff: str) -> Any:
    when = trigger.automation
    spec = common_pb2.TriggerAutomationSpec(type=common_pb2.TYPE_NONE)
    if isinstance(when, Cron):
        spec.schedule.cron.expression = when.expression
        spec.schedule.cron.timezone = when.timezone
    elif isinstance(when, FixedRate):
        spec.schedule.rate.value = when.interval_minutes
        spec.schedule.rate.unit = common_pb2.FIXED_RATE_UNIT_MINUTE
        if when.start_time is not None:
            spec.schedule.rate.start_time.FromDatetime(when.start_time)
    if when is not None:
        spec.type = common_pb2.TYPE_SCHEDULE
        spec.schedule.kickoff_time_input_arg = kickoff
    return spec


def _same(known: Any, spec: Any, automation: Any) -> bool:
    there = type(spec)()
    there.CopyFrom(known.spec)
    if not there.HasField("run_spec"):
        there.run_spec.SetInParent()
    told = type(automation)()
    told.CopyFrom(known.automation_spec)
    return bool(there == spec and told == automation)


def _deployed(message: Any, *, created: bool = False) -> DeployedTrigger:
    """A ``Trigger`` of a list, or ``TriggerDetails``."""
    name, schedule = message.id.name, message.automation_spec.schedule
    kind = schedule.WhichOneof("expression")
    spec = message.spec if "spec" in message.DESCRIPTOR.fields_by_name else None
    version = (spec.task_version if spec is not None else "") or None
    text = ""
    if kind == "rate":
        text = f"every {schedule.rate.value * _UNITS.get(schedule.rate.unit, 1)} min"
    elif kind == "cron":
        zone = schedule.cron.timezone
        text = f"CRON_TZ={zone} {schedule.cron.expression}" if zone else schedule.cron.expression
    elif kind is not None:
        text = schedule.cron_expression
    return DeployedTrigger(
        ref=EntityRef.launch_plan(name.name, project=name.project, domain=name.domain, version=version),
        entity=EntityRef.task(name.task_name, project=name.project, domain=name.domain, version=version),
        schedule=text,
        kickoff_input=schedule.kickoff_time_input_arg,
        active=spec.active if spec is not None else message.active,
        created=created,
        description=spec.description if spec is not None else "",
    )
