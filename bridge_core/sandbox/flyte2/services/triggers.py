"""TriggerService. What it does not check, clients meet: any name, task or rate is taken (``service/trigger_service.go``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl2.common import identifier_pb2
from flyteidl2.task import task_definition_pb2
from flyteidl2.trigger import trigger_definition_pb2, trigger_service_pb2

from ...model.status import Rejected
from ...validation.robfig import cron_error
from ..store.listing import Columns, listing
from ..store.triggers import TRIGGER_COLUMNS, trigger_not_found

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..store.tasks import Tasks
    from ..store.triggers import Triggers
    from ..wire.call import Incoming
    from .identity import Identities

__all__ = ["TriggerHandlers"]

_HISTORY = Columns({"revision": "revision", "created_at": "created_at"})


class TriggerHandlers:
    """One method per RPC, and what other services need of triggers."""

    def __init__(self, triggers: Triggers, tasks: Tasks, identities: Identities) -> None:
        self._triggers = triggers
        self._tasks = tasks
        self._identities = identities

    def DeployTrigger(self, request: Any, call: Incoming) -> Any:
        """Adds a trigger or a revision of it."""
        _check_schedule(request.name.name, request.automation_spec)
        if not request.HasField("spec"):
            null = 'null value in column "spec" of relation "triggers" violates not-null constraint (SQLSTATE 23502)'
            raise Rejected("INTERNAL", f"failed to upsert trigger: ERROR: {null}")
        details = self._triggers.deploy(
            request.name,
            request.spec,
            request.automation_spec,
            revision=request.revision,
            identity=self._identities.of(call),
        )
        name = request.name
        self._summarise(name.project, name.domain, name.task_name, request.spec.task_version)
        return trigger_service_pb2.DeployTriggerResponse(trigger=details)

    def GetTriggerDetails(self, request: Any, _call: Incoming) -> Any:
        """One trigger."""
        details = self._triggers.find(request.name)
        if details is None:
            raise trigger_not_found(request.name)
        return trigger_service_pb2.GetTriggerDetailsResponse(trigger=details)

    def GetTriggerRevisionDetails(self, request: Any, _call: Incoming) -> Any:
        """One revision."""
        details = self._triggers.revision(request.id)
        if details is None:
            name = request.id.name
            where = f"{name.project}/{name.domain}/{name.task_name}/{name.name}@{request.id.revision}"
            raise Rejected("NOT_FOUND", f"trigger revision not found: {where}: sql: no rows in result set")
        return trigger_service_pb2.GetTriggerRevisionDetailsResponse(trigger=details)

    def GetTriggerRevisionHistory(self, request: Any, _call: Incoming) -> Any:
        """Revisions, the newest first."""
        query = listing(request.request, _HISTORY, "revisions")
        found = self._triggers.history(request.name, query.limit, query.offset)
        return trigger_service_pb2.GetTriggerRevisionHistoryResponse(triggers=found, token=query.token(len(found)))

    def ListTriggers(self, request: Any, _call: Incoming) -> Any:
        """A page of triggers."""
        query = listing(request.request, TRIGGER_COLUMNS, "triggers")
        conditions: dict[str, Any] = {}
        kind = request.WhichOneof("scope_by")
        if kind == "project_id":
            conditions = {"project": request.project_id.name, "domain": request.project_id.domain}
        elif kind in ("task_name", "task_id"):
            task = getattr(request, kind)
            conditions = {"project": task.project, "domain": task.domain, "task_name": task.name}
            if kind == "task_id":
                conditions["task_version"] = task.version
        scope = " AND ".join(f"{column}=?" for column in conditions) or "1"
        found = self._triggers.page(scope, list(conditions.values()), query)
        return trigger_service_pb2.ListTriggersResponse(triggers=found, token=query.token(len(found)))

    def UpdateTriggers(self, request: Any, _call: Incoming) -> Any:
        """Activates or deactivates; unknown names are passed over."""
        for name in request.names:
            self._triggers.set_active(name, request.active)
            self._summarise_by_name(name)
        return trigger_service_pb2.UpdateTriggersResponse()

    def DeleteTriggers(self, request: Any, _call: Incoming) -> Any:
        """Deletes; unknown names are passed over."""
        for name in request.names:
            self._triggers.delete(name)
            self._summarise_by_name(name)
        return trigger_service_pb2.DeleteTriggersResponse()

    def for_run(self, name: Any) -> Any:
        """The trigger that a run is to be created from, active or not.

        Raises:
            Rejected: NOT_FOUND.
        """
        details = self._triggers.find(name)
        if details is None:
            raise Rejected("NOT_FOUND", f'trigger "{name.name}" not found: {trigger_not_found(name).message}')
        return details

    def check(self, triggers: Iterable[Any]) -> None:
        """Refuses triggers of a task that is being deployed.

        Raises:
            Rejected: INVALID_ARGUMENT, a schedule cannot be read.
        """
        for trigger in triggers:
            _check_schedule(trigger.name, trigger.automation_spec, before="invalid_argument: ")

    def deploy_all(self, task_id: Any, triggers: Iterable[Any]) -> None:
        """The triggers of a task that is deployed: they replace those it has, unless there are none."""
        wanted = list(triggers)
        for trigger in wanted:
            name = identifier_pb2.TriggerName(
                project=task_id.project, domain=task_id.domain, task_name=task_id.name, name=trigger.name
            )
            spec = trigger_definition_pb2.TriggerSpec(
                active=trigger.spec.active, task_version=task_id.version, description=trigger.spec.description
            )
            if trigger.spec.HasField("run_spec"):
                spec.run_spec.CopyFrom(trigger.spec.run_spec)
            kind = trigger.spec.WhichOneof("input_wrapper")
            if kind is not None:
                getattr(spec, kind).CopyFrom(getattr(trigger.spec, kind))
            self._triggers.deploy(name, spec, trigger.automation_spec)
        if wanted:
            names = {trigger.name for trigger in wanted}
            for old in self._triggers.of_task(task_id):
                if old.id.name.name not in names:
                    self._triggers.delete(old.id.name)
        self._summarise(task_id.project, task_id.domain, task_id.name, task_id.version)

    def _summarise_by_name(self, name: Any) -> None:
        found = self._triggers.find(name)
        if found is not None:
            self._summarise(name.project, name.domain, found.id.name.task_name, found.spec.task_version)

    def _summarise(self, project: str, domain: str, task_name: str, version: str) -> None:
        """Writes into a version of a task which triggers it has; those of other versions keep what they say."""
        task_id = task_definition_pb2.TaskIdentifier(project=project, domain=domain, name=task_name, version=version)
        mine = [one for one in self._triggers.of_task(task_id) if one.spec.task_version == version]
        summary = None
        if len(mine) == 1:
            summary = task_definition_pb2.TaskTriggersSummary()
            summary.details.name, summary.details.active = mine[0].id.name.name, mine[0].spec.active
            summary.details.automation_spec.CopyFrom(mine[0].automation_spec)
        elif mine:
            summary = task_definition_pb2.TaskTriggersSummary()
            summary.stats.total = len(mine)
            summary.stats.active = sum(one.spec.active for one in mine)
        active = sum(one.spec.active for one in mine)
        self._tasks.summarise_triggers(task_id, summary, total=len(mine), active=active)


def _check_schedule(name: str, automation: Any, before: str = "") -> None:
    if automation.WhichOneof("automation") != "schedule":
        return
    schedule = automation.schedule
    kind = schedule.WhichOneof("expression")
    if kind not in ("cron", "cron_expression"):
        return
    expression = schedule.cron.expression if kind == "cron" else schedule.cron_expression
    if kind == "cron" and schedule.cron.timezone:
        expression = f"CRON_TZ={schedule.cron.timezone} {expression}"
    error = cron_error(expression)
    if error is not None:
        text = f'trigger "{name}" has invalid cron expression: invalid cron expression "{expression}": {error}'
        raise Rejected("INVALID_ARGUMENT", before + text)
