"""AdminService, first part: tasks, workflows, launch plans. `names` lists what they are called, `projects` where they are.

Registration is immutable by version: the same structure again is ALREADY_EXISTS, another one INVALID_ARGUMENT (flyteadmin
``pkg/errors/errors.go:147-212``), compared by the compiled closure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import launch_plan_pb2, task_pb2, workflow_pb2
from flyteidl.core import identifier_pb2

from ...compiler.closure import check_size, compile_closure
from ...model.go_text import go_text
from ...model.status import Rejected
from ...model.times import now
from ...validation.launch_plans import complete_launch_plan
from ...validation.list_columns import LAUNCH_PLAN, TASK, WORKFLOW
from ...validation.requests import (
    entity_checked,
    entity_read,
    fields_checked,
    missing,
    require,
)
from ...validation.tasks import check_task
from .listing import query_of_entities, query_of_project
from .structures import differences

if TYPE_CHECKING:
    from ...admin.context import Admin
    from ...engine.scheduler import Scheduler

__all__ = ["EntityHandlers"]

_LISTED = {identifier_pb2.TASK: TASK, identifier_pb2.WORKFLOW: WORKFLOW, identifier_pb2.LAUNCH_PLAN: LAUNCH_PLAN}
_WORDS = {identifier_pb2.TASK: "task", identifier_pb2.WORKFLOW: "workflow", identifier_pb2.LAUNCH_PLAN: "launch plan"}
_METHODS = {
    identifier_pb2.TASK: "ListTasks",
    identifier_pb2.WORKFLOW: "ListWorkflows",
    identifier_pb2.LAUNCH_PLAN: "ListLaunchPlans",
}


class EntityHandlers:
    """Handlers by RPC name; see flyteidl's ``service/admin.proto``."""

    def __init__(self, admin: Admin, scheduler: Scheduler) -> None:
        self._admin = admin
        self._db = admin.database
        self._entities = admin.entities
        self._scheduler = scheduler

    # Registration.

    def CreateTask(self, request: Any) -> Any:
        """Registers a task."""
        identifier = self._registered(request, identifier_pb2.TASK)
        template = _template(request)
        check_task(identifier, template, self._admin.limits)
        task = task_pb2.Task(id=identifier)
        compiled = task.closure.compiled_task
        compiled.template.CopyFrom(template)
        compiled.template.id.CopyFrom(identifier)
        with self._db.transaction():
            self._refuse_known(identifier, compiled)
            task.closure.created_at.CopyFrom(now())
            self._describe(task, request.spec)
            self._entities.add(task, _structure(compiled), type_=compiled.template.type)
        return task_pb2.TaskCreateResponse()

    def CreateWorkflow(self, request: Any) -> Any:
        """Compiles and registers a workflow."""
        identifier = self._registered(request, identifier_pb2.WORKFLOW)
        template = _template(request)
        template.id.CopyFrom(identifier)
        workflow = workflow_pb2.Workflow(id=identifier)
        with self._db.transaction():
            compiled = compile_closure(template, request.spec.sub_workflows, find=self._entities.get)
            check_size(identifier, compiled)
            self._refuse_known(identifier, compiled)
            workflow.closure.compiled_workflow.CopyFrom(compiled)
            workflow.closure.created_at.CopyFrom(now())
            self._admin.offloaded.check_closure_write(identifier, workflow.closure)
            self._describe(workflow, request.spec)
            self._entities.add(workflow, _structure(compiled))
        return workflow_pb2.WorkflowCreateResponse()

    def CreateLaunchPlan(self, request: Any) -> Any:
        """Registers a launch plan; it is always INACTIVE at first, whatever the specification says."""
        require(
            request.spec.workflow_id, "project"
        )  # without any part it would find some workflow; see `NOT_FIRST_ROW`
        workflow_id = identifier_pb2.Identifier()
        workflow_id.CopyFrom(request.spec.workflow_id)
        workflow_id.resource_type = identifier_pb2.WORKFLOW
        with self._db.transaction():
            workflow = self._entities.get(workflow_id)
            identifier = self._registered(request, identifier_pb2.LAUNCH_PLAN)
            if not request.HasField("spec"):
                raise missing("spec")
            entity_checked(request.spec, "workflow_id", identifier_pb2.WORKFLOW)
            plan = launch_plan_pb2.LaunchPlan(id=identifier, spec=request.spec)
            complete_launch_plan(plan, workflow.closure.compiled_workflow.primary.template.interface)
            self._refuse_known(identifier, plan.spec)
            plan.closure.created_at.CopyFrom(now())
            plan.closure.updated_at.CopyFrom(plan.closure.created_at)
            row = self._entities.row(workflow_id)
            structure = _structure(plan.spec)
            self._entities.add(plan, structure, workflow_row=None if row is None else int(row["id"]))
        return launch_plan_pb2.LaunchPlanCreateResponse()

    def _registered(self, request: Any, resource_type: int) -> Any:
        identifier = entity_checked(request, "id", resource_type)
        self._admin.projects.check(identifier.project, identifier.domain)
        return identifier

    def _describe(self, record: Any, spec: Any) -> None:
        """What the author wrote goes into a record of its own; its first line also into the lists."""
        if spec.HasField("description"):
            record.short_description = spec.description.short_description
            self._admin.descriptions.add(record.id, spec.description)

    def _refuse_known(self, identifier: Any, structure: Any) -> None:
        same = self._entities.same_structure(identifier, _structure(structure))
        if same is None:
            return
        word = _WORDS[identifier.resource_type]
        details: list[Any] = []
        if identifier.resource_type == identifier_pb2.WORKFLOW:
            reason = workflow_pb2.CreateWorkflowFailureReason()
            known = reason.exists_identical_structure if same else reason.exists_different_structure
            known.id.CopyFrom(identifier)
            details.append(reason)
        if same:
            raise Rejected("ALREADY_EXISTS", f"{word} with identical structure already exists", *details)
        older = _older(self._entities.get(identifier))
        raise Rejected(
            "INVALID_ARGUMENT",
            f"{identifier.name} {word} with different structure already exists. "
            f"(Please register a new version of the {word}):\n" + "\n".join(differences(older, structure)),
            *details,
        )

    # Reading.

    def GetTask(self, request: Any) -> Any:
        """One task version. FlyteAdmin only logs what is wrong with the identifier."""
        require(request.id, "project")  # see `listing.NOT_FIRST_ROW`
        identifier = identifier_pb2.Identifier()
        identifier.CopyFrom(request.id)
        identifier.resource_type = identifier_pb2.TASK
        return self._entities.get(identifier)

    def GetWorkflow(self, request: Any) -> Any:
        """One workflow version with its compiled closure."""
        identifier = entity_read(request, identifier_pb2.WORKFLOW)
        workflow = self._entities.get(identifier)
        self._admin.offloaded.check_closure(identifier)
        return workflow

    def GetLaunchPlan(self, request: Any) -> Any:
        """One launch plan version."""
        return self._entities.get(entity_read(request, identifier_pb2.LAUNCH_PLAN))

    def ListTasks(self, request: Any) -> Any:
        """Versions of tasks."""
        tasks, token = self._list(request, identifier_pb2.TASK)
        return task_pb2.TaskList(tasks=tasks, token=token)

    def ListWorkflows(self, request: Any) -> Any:
        """Versions of workflows, of their closures the interface only: the rest is in the blob store."""
        workflows, token = self._list(request, identifier_pb2.WORKFLOW)
        return workflow_pb2.WorkflowList(workflows=[_bare(workflow) for workflow in workflows], token=token)

    def ListLaunchPlans(self, request: Any) -> Any:
        """Versions of launch plans."""
        plans, token = self._list(request, identifier_pb2.LAUNCH_PLAN)
        return launch_plan_pb2.LaunchPlanList(launch_plans=plans, token=token)

    def _list(self, request: Any, resource_type: int) -> tuple[list[Any], str]:
        query = query_of_entities(_LISTED[resource_type], request, _METHODS[resource_type])
        records, page = self._entities.page(resource_type, query)
        return records, page.token

    # Launch plan activation.

    def UpdateLaunchPlan(self, request: Any) -> Any:
        """Activates or deactivates a version; one version per name can be active."""
        if request.state not in launch_plan_pb2.LaunchPlanState.values():
            text = f"Unrecognized launch plan state {request.state} for update for launch plan [{go_text(request.id)}]"
            raise Rejected("INVALID_ARGUMENT", text)
        active = request.state == launch_plan_pb2.ACTIVE
        if not active:
            entity_read(request, identifier_pb2.LAUNCH_PLAN)
        identifier = identifier_pb2.Identifier()
        identifier.CopyFrom(fields_checked(request, "id"))  # see `listing.NOT_FIRST_ROW`
        identifier.resource_type = identifier_pb2.LAUNCH_PLAN
        with self._db.transaction():
            self._entities.set_state(identifier, request.state)
            row = self._entities.row(identifier)
            assert row is not None
            self._scheduler.plan_changed(self._entities.get(identifier), int(row["id"]), active=active)
        return launch_plan_pb2.LaunchPlanUpdateResponse()

    def GetActiveLaunchPlan(self, request: Any) -> Any:
        """The active version of a launch plan."""
        require(request.id, "project", "domain", "name")
        plan = self._entities.active(request.id.project, request.id.domain, request.id.name)
        if plan is None:
            raise Rejected(
                "NOT_FOUND",
                f"No active launch plan could be found: {request.id.project}:{request.id.domain}:{request.id.name}",
            )
        return plan

    def ListActiveLaunchPlans(self, request: Any) -> Any:
        """Active launch plans of a project and domain."""
        query = query_of_project(LAUNCH_PLAN, request, "ListActiveLaunchPlans", filters=False)
        query.require("launch_plans.state=?", launch_plan_pb2.ACTIVE)
        plans, page = self._entities.page(identifier_pb2.LAUNCH_PLAN, query)
        return launch_plan_pb2.LaunchPlanList(launch_plans=plans, token=page.token)


def _template(request: Any) -> Any:
    if not request.HasField("spec") or not request.spec.HasField("template"):
        raise missing("spec")
    return request.spec.template


def _structure(message: Any) -> bytes:
    """What makes two registrations the same."""
    return bytes(message.SerializeToString(deterministic=True))


def _older(record: Any) -> Any:
    """What a new registration is told to differ from; of a workflow FlyteAdmin has the interface at hand only."""
    if isinstance(record, task_pb2.Task):
        return record.closure.compiled_task
    return _bare(record).closure.compiled_workflow if isinstance(record, workflow_pb2.Workflow) else record.spec


def _bare(workflow: Any) -> Any:
    short = workflow_pb2.Workflow(id=workflow.id, short_description=workflow.short_description)
    short.closure.created_at.CopyFrom(workflow.closure.created_at)
    template = short.closure.compiled_workflow.primary.template
    template.interface.CopyFrom(workflow.closure.compiled_workflow.primary.template.interface)
    return short
