"""AdminService, first part: tasks, workflows, launch plans. `names` lists what they are called, `projects` where they are.

Registration is immutable by version: the same structure again is ALREADY_EXISTS, another one INVALID_ARGUMENT (flyteadmin
``pkg/errors/errors.go:147-212``), compared by the compiled closure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import launch_plan_pb2, task_pb2, workflow_pb2
from flyteidl.core import identifier_pb2

from ...model.ids import describe
from ...model.status import Rejected
from ...model.times import now
from ...store.descriptions import Descriptions
from ...validation.compiler import compile_closure
from ...validation.filters import LAUNCH_PLAN, TASK, WORKFLOW, Query
from ...validation.inputs import check_literals, check_parameters, expected_inputs
from ...validation.schedules import check_schedule
from ._checks import check_labels, check_notifications
from .listing import query_in

if TYPE_CHECKING:
    from ...engine.engine import Engine

__all__ = ["EntityHandlers"]

_LISTED = {identifier_pb2.TASK: TASK, identifier_pb2.WORKFLOW: WORKFLOW, identifier_pb2.LAUNCH_PLAN: LAUNCH_PLAN}
_WORDS = {identifier_pb2.TASK: "task", identifier_pb2.WORKFLOW: "workflow", identifier_pb2.LAUNCH_PLAN: "launch plan"}


class EntityHandlers:
    """Handlers by RPC name; see flyteidl's ``service/admin.proto``."""

    def __init__(self, engine: Engine) -> None:
        self._db = engine.database
        self._entities = engine.entities
        self._descriptions = Descriptions(engine.database)
        self._scheduler = engine.scheduler

    # Registration.

    def CreateTask(self, request: Any) -> Any:
        """Registers a task."""
        identifier = self._checked(request.id, identifier_pb2.TASK)
        task = task_pb2.Task(id=identifier)
        compiled = task.closure.compiled_task
        compiled.template.CopyFrom(request.spec.template)
        compiled.template.id.CopyFrom(identifier)
        with self._db.transaction():
            structure = compiled.SerializeToString(deterministic=True)
            self._refuse_known(identifier, structure)
            task.closure.created_at.CopyFrom(now())
            self._entities.add(task, structure, type_=compiled.template.type)
            if request.spec.HasField("description"):
                self._descriptions.add(identifier, request.spec.description)
        return task_pb2.TaskCreateResponse()

    def CreateWorkflow(self, request: Any) -> Any:
        """Compiles and registers a workflow."""
        identifier = self._checked(request.id, identifier_pb2.WORKFLOW)
        request.spec.template.id.CopyFrom(identifier)
        workflow = workflow_pb2.Workflow(id=identifier)
        with self._db.transaction():
            compiled = compile_closure(request.spec.template, request.spec.sub_workflows, find=self._entities.find)
            structure = compiled.SerializeToString(deterministic=True)
            self._refuse_known(identifier, structure)
            workflow.closure.compiled_workflow.CopyFrom(compiled)
            workflow.closure.created_at.CopyFrom(now())
            self._entities.add(workflow, structure)
            if request.spec.HasField("description"):
                self._descriptions.add(identifier, request.spec.description)
        return workflow_pb2.WorkflowCreateResponse()

    def CreateLaunchPlan(self, request: Any) -> Any:
        """Registers a launch plan; it is always INACTIVE at first, whatever the specification says."""
        identifier = self._checked(request.id, identifier_pb2.LAUNCH_PLAN)
        plan = launch_plan_pb2.LaunchPlan(id=identifier, spec=request.spec)
        plan.spec.workflow_id.resource_type = identifier_pb2.WORKFLOW
        with self._db.transaction():
            workflow = self._entities.get(plan.spec.workflow_id)
            interface = workflow.closure.compiled_workflow.primary.template.interface
            check_labels(plan.spec.labels)
            check_literals(plan.spec.fixed_inputs, "fixed_inputs")
            check_parameters(plan.spec.default_inputs, "default_inputs")
            plan.closure.expected_inputs.CopyFrom(expected_inputs(interface, plan.spec))
            plan.closure.expected_outputs.CopyFrom(interface.outputs)
            check_schedule(plan)
            check_notifications(plan.spec.entity_metadata.notifications)
            structure = plan.SerializeToString(deterministic=True)
            self._refuse_known(identifier, structure)
            # After the comparison, so that what a file of an older version holds is still the same.
            plan.spec.default_inputs.CopyFrom(plan.closure.expected_inputs)
            plan.closure.created_at.CopyFrom(now())
            plan.closure.updated_at.CopyFrom(plan.closure.created_at)
            row = self._entities.row(plan.spec.workflow_id)
            self._entities.add(plan, structure, workflow_row=None if row is None else int(row["id"]))
        return launch_plan_pb2.LaunchPlanCreateResponse()

    def _checked(self, identifier: Any, resource_type: int) -> Any:
        self._entities.check_project(identifier.project, identifier.domain)
        for field in ("name", "version"):
            if not getattr(identifier, field):
                raise Rejected("INVALID_ARGUMENT", f"missing {field}")
        checked = identifier_pb2.Identifier()
        checked.CopyFrom(identifier)
        checked.resource_type = resource_type
        return checked

    def _refuse_known(self, identifier: Any, structure: bytes) -> None:
        same = self._entities.same_structure(identifier, structure)
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
        raise Rejected(
            "INVALID_ARGUMENT",
            f"{identifier.name} {word} with different structure already exists. "
            f"(Please register a new version of the {word}): {describe(identifier)}",
            *details,
        )

    # Reading.

    def GetTask(self, request: Any) -> Any:
        """One task version."""
        return self._get(request, identifier_pb2.TASK)

    def GetWorkflow(self, request: Any) -> Any:
        """One workflow version with its compiled closure."""
        return self._get(request, identifier_pb2.WORKFLOW)

    def GetLaunchPlan(self, request: Any) -> Any:
        """One launch plan version."""
        return self._get(request, identifier_pb2.LAUNCH_PLAN)

    def _get(self, request: Any, resource_type: int) -> Any:
        return self._entities.get(self._checked_for_reading(request.id, resource_type))

    @staticmethod
    def _checked_for_reading(identifier: Any, resource_type: int) -> Any:
        for field in ("project", "domain", "name", "version"):
            if not getattr(identifier, field):
                raise Rejected("INVALID_ARGUMENT", f"missing {field}")
        checked = identifier_pb2.Identifier()
        checked.CopyFrom(identifier)
        checked.resource_type = resource_type
        return checked

    def ListTasks(self, request: Any) -> Any:
        """Versions of tasks."""
        tasks, token = self._list(request, identifier_pb2.TASK)
        return task_pb2.TaskList(tasks=tasks, token=token)

    def ListWorkflows(self, request: Any) -> Any:
        """Versions of workflows."""
        workflows, token = self._list(request, identifier_pb2.WORKFLOW)
        return workflow_pb2.WorkflowList(workflows=workflows, token=token)

    def ListLaunchPlans(self, request: Any) -> Any:
        """Versions of launch plans."""
        plans, token = self._list(request, identifier_pb2.LAUNCH_PLAN)
        return launch_plan_pb2.LaunchPlanList(launch_plans=plans, token=token)

    def _list(self, request: Any, resource_type: int) -> tuple[list[Any], str]:
        query = query_in(_LISTED[resource_type], request, request.id.project, request.id.domain)
        if request.id.name:
            query.require("name=?", request.id.name)
        records, page = self._entities.page(resource_type, query)
        return records, page.token

    # Launch plan activation.

    def UpdateLaunchPlan(self, request: Any) -> Any:
        """Activates or deactivates a version; one version per name can be active."""
        identifier = self._checked_for_reading(request.id, identifier_pb2.LAUNCH_PLAN)
        with self._db.transaction():
            self._entities.set_state(identifier, request.state)
            row = self._entities.row(identifier)
            assert row is not None
            active = request.state == launch_plan_pb2.ACTIVE
            self._scheduler.plan_changed(self._entities.get(identifier), int(row["id"]), active=active)
        return launch_plan_pb2.LaunchPlanUpdateResponse()

    def GetActiveLaunchPlan(self, request: Any) -> Any:
        """The active version of a launch plan."""
        plan = self._entities.active(request.id.project, request.id.domain, request.id.name)
        if plan is None:
            raise Rejected(
                "NOT_FOUND",
                f"No active launch plan could be found: {request.id.project}:{request.id.domain}:{request.id.name}",
            )
        return plan

    def ListActiveLaunchPlans(self, request: Any) -> Any:
        """Active launch plans of a project and domain."""
        query = Query(LAUNCH_PLAN, sort_by=request.sort_by, limit=request.limit, token=request.token)
        query.require("project=? AND domain=? AND state=?", request.project, request.domain, launch_plan_pb2.ACTIVE)
        plans, page = self._entities.page(identifier_pb2.LAUNCH_PLAN, query)
        return launch_plan_pb2.LaunchPlanList(launch_plans=plans, token=page.token)
