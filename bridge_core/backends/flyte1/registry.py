"""What is registered at FlyteAdmin: which entities of a version are there, whether one is the same, and new ones.

A create of what is there is a comparison that writes nothing: the identical entity is ALREADY_EXISTS, another one
INVALID_ARGUMENT with what differs (flyteadmin errors.go). Lists of tasks and launch plans carry what they are made of, so most
of those are compared here, without a call each.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flyteidl.admin import common_pb2, launch_plan_pb2, task_pb2, workflow_pb2
from flyteidl.core import identifier_pb2

from ...model.errors import InvalidRequest, NotFound
from ...model.ids import EntityKind, EntityRef
from ...model.run_errors import AlreadyExists
from .methods import rpc

if TYPE_CHECKING:
    from ...calls import Calls

__all__ = ["Flyte1Registry"]

_LISTS = {
    EntityKind.TASK: ("ListTasks", "tasks"),
    EntityKind.WORKFLOW: ("ListWorkflows", "workflows"),
    EntityKind.LAUNCH_PLAN: ("ListLaunchPlans", "launch_plans"),
}
_GETS = {EntityKind.TASK: "GetTask", EntityKind.WORKFLOW: "GetWorkflow", EntityKind.LAUNCH_PLAN: "GetLaunchPlan"}
_TYPES = {
    EntityKind.TASK: identifier_pb2.TASK,
    EntityKind.WORKFLOW: identifier_pb2.WORKFLOW,
    EntityKind.LAUNCH_PLAN: identifier_pb2.LAUNCH_PLAN,
}
_OTHER = "different structure"


class Flyte1Registry:
    """Entities as they are registered."""

    def __init__(self, calls: Calls, *, page: int) -> None:
        self._calls = calls
        self._page = page

    async def of_version(self, kind: EntityKind, project: str, domain: str, version: str) -> Mapping[str, Any]:
        """List…(version): name -> what the server keeps of it."""
        method, field = _LISTS[kind]
        request = common_pb2.ResourceListRequest(
            id=common_pb2.NamedEntityIdentifier(project=project, domain=domain),
            filters=f"eq(version,{version})",
            limit=self._page,
            sort_by=common_pb2.Sort(key="name", direction=common_pb2.Sort.ASCENDING),
        )
        out: dict[str, Any] = {}
        while True:
            page = await self._calls.unary(rpc(method), request)
            out.update((item.id.name, item) for item in getattr(page, field))
            if not page.token:
                return out
            request.token = page.token

    async def exists(self, ref: EntityRef) -> bool:
        """Get…: whether it is there."""
        try:
            await self._calls.unary(rpc(_GETS[ref.kind]), common_pb2.ObjectGetRequest(id=_identifier(ref)))
        except NotFound:
            return False
        return True

    def same(self, kept: Any, message: Any) -> bool:
        """Whether what a list told is this very thing; False when a list cannot tell."""
        if isinstance(message, task_pb2.TaskSpec):
            return bool(kept.closure.compiled_task.template == message.template)
        return isinstance(message, launch_plan_pb2.LaunchPlanSpec) and bool(kept.spec == message)

    def is_active(self, kept: Any) -> bool:
        """Whether a launch plan of a list is active."""
        return bool(kept.closure.state == launch_plan_pb2.ACTIVE)

    def account_of(self, ref: EntityRef, message: Any) -> str:  # noqa: ARG002 - of the protocol
        """As whom runs of a launch plan, or of a task by itself, run unless the launch says something else."""
        if isinstance(message, launch_plan_pb2.LaunchPlanSpec):
            named = message.security_context.run_as.k8s_service_account or message.auth_role.kubernetes_service_account
        elif isinstance(message, task_pb2.TaskSpec):
            named = message.template.security_context.run_as.k8s_service_account
        else:
            named = ""
        return str(named)

    async def create(self, ref: EntityRef, message: Any) -> str | None:
        """Create…: None when it was made now, an empty text when the identical one is there, else what differs.

        Raises:
            InvalidRequest: FlyteAdmin refuses it.
        """
        try:
            await self._calls.unary(*_creation(ref, message))
        except AlreadyExists:
            return ""
        except InvalidRequest as error:
            if _OTHER not in (error.details or ""):
                raise
            _, _, diff = (error.details or "").partition(":")
            return diff.strip() or error.details
        return None

    async def activate(self, ref: EntityRef) -> None:
        """UpdateLaunchPlan ACTIVE."""
        request = launch_plan_pb2.LaunchPlanUpdateRequest(id=_identifier(ref), state=launch_plan_pb2.ACTIVE)
        await self._calls.unary(rpc("UpdateLaunchPlan"), request)


def _identifier(ref: EntityRef) -> Any:
    return identifier_pb2.Identifier(
        resource_type=_TYPES[ref.kind], project=ref.project, domain=ref.domain, name=ref.name, version=ref.version
    )


def _creation(ref: EntityRef, message: Any) -> tuple[Any, Any]:
    identifier = _identifier(ref)
    if isinstance(message, task_pb2.TaskSpec):
        return rpc("CreateTask"), task_pb2.TaskCreateRequest(id=identifier, spec=message)
    if isinstance(message, workflow_pb2.WorkflowSpec):
        return rpc("CreateWorkflow"), workflow_pb2.WorkflowCreateRequest(id=identifier, spec=message)
    return rpc("CreateLaunchPlan"), launch_plan_pb2.LaunchPlanCreateRequest(id=identifier, spec=message)
