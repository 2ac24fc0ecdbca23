"""What is registered on Flyte 2: tasks, and the triggers that their code declares. A version that is there is never replaced: the
server would do so without a word, under runs that were launched from it, and the same version would mean two things.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flyteidl2.common import list_pb2
from flyteidl2.core import tasks_pb2
from flyteidl2.task import task_definition_pb2, task_service_pb2

from ...model.errors import NotFound, Unsupported
from ...model.ids import EntityKind, EntityRef
from .convert import project_id, task_id
from .declared_triggers import DeclaredTriggers
from .difference import difference
from .methods import rpc
from .tasks import equal, newest_first

if TYPE_CHECKING:
    from ...calls import Calls
    from ...config import Config
    from .triggers import Flyte2Triggers

__all__ = ["Flyte2Registry"]

_PAGE = 200
_SHORT = 63


class Flyte2Registry:
    """Tasks and declared triggers; a trigger is a launch plan here, whose version is its task's."""

    def __init__(self, calls: Calls, config: Config, triggers: Flyte2Triggers) -> None:
        self._calls = calls
        self._org = config.org
        self._triggers = DeclaredTriggers(calls, config, triggers)

    async def of_version(self, kind: EntityKind, project: str, domain: str, version: str) -> Mapping[str, Any]:
        """Name -> ``Task`` of all tasks with that version; for launch plans, the triggers of tasks of that version."""
        if kind is EntityKind.LAUNCH_PLAN:
            return await self._triggers.of_version(project, domain, version)
        if kind is not EntityKind.TASK:
            raise Unsupported(
                f"Flyte 2 has tasks only, and a {kind.value.replace('_', ' ')} is to be registered: code of flytekit is for "
                "Flyte 1. Nothing was written"
            )
        request = task_service_pb2.ListTasksRequest(
            project_id=project_id(project, domain, self._org),
            request=list_pb2.ListRequest(
                limit=_PAGE, filters=[equal("version", version)], sort_by_fields=[newest_first()]
            ),
        )
        found: dict[str, Any] = {}
        while True:
            page = await self._calls.unary(rpc("ListTasks"), request)
            found.update((item.task_id.name, item) for item in page.tasks)
            if not page.token or not page.tasks:
                return found
            request.request.token = page.token

    async def exists(self, ref: EntityRef) -> bool:
        """GetTaskDetails. Of other kinds there are none."""
        return ref.kind is EntityKind.TASK and await self._spec(ref) is not None

    def same(self, kept: Any, message: Any) -> bool:
        """Lists do not show specs."""
        return kept is message

    def is_active(self, kept: Any) -> bool:
        """Whether a trigger is."""
        return bool(kept.spec.active)

    def account_of(self, ref: EntityRef, message: Any) -> str:
        """That of the runs of a trigger, or of the task."""
        if ref.kind is EntityKind.LAUNCH_PLAN:
            return self._triggers.account_of(message)
        return str(spec_of(message).task_template.security_context.run_as.k8s_service_account)

    async def create(self, ref: EntityRef, message: Any) -> str | None:
        """Deploys it, unless the version is there: None when it was made now, else what differs, nothing for the same."""
        if ref.kind is EntityKind.LAUNCH_PLAN:
            return await self._triggers.create(ref, message)
        message = spec_of(message)
        there = await self._spec(ref)
        if there is not None:
            return "" if there == message else difference(there, message)
        request = task_service_pb2.DeployTaskRequest(task_id=task_id(ref, self._org), spec=message)
        await self._calls.unary(rpc("DeployTask"), request)
        return None

    async def activate(self, ref: EntityRef) -> None:
        """UpdateTriggers, unless it is active."""
        await self._triggers.activate(ref)

    async def _spec(self, ref: EntityRef) -> Any | None:
        request = task_service_pb2.GetTaskDetailsRequest(task_id=task_id(ref, self._org))
        try:
            return (await self._calls.unary(rpc("GetTaskDetails"), request)).details.spec
        except NotFound:
            return None


def spec_of(message: Any) -> Any:
    """A ``TaskSpec`` of Flyte 2, from its bytes, or from one of Flyte 1: templates have the same bytes."""
    if isinstance(message, bytes):
        return task_definition_pb2.TaskSpec.FromString(message)
    template, about = message.template, message.description
    made = task_definition_pb2.TaskSpec(
        task_template=tasks_pb2.TaskTemplate.FromString(template.SerializeToString()),
        short_name=template.id.name.rpartition(".")[2][:_SHORT],
    )
    if about.short_description or about.long_description.value:
        made.documentation.short_description = about.short_description
        made.documentation.long_description = about.long_description.value
    return made
