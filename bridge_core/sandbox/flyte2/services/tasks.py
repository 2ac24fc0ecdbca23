"""TaskService: deployed tasks and their versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl2.task import task_definition_pb2, task_service_pb2

from ...model.status import Rejected
from ..store.listing import listing
from ..store.tasks import TASK_COLUMNS, task_not_found
from .projects import check_project

if TYPE_CHECKING:
    from ...store.projects import Projects
    from ..store.tasks import Tasks
    from ..wire.call import Incoming
    from .identity import Identities
    from .triggers import TriggerHandlers

__all__ = ["TaskHandlers"]


class TaskHandlers:
    """One method per RPC."""

    def __init__(self, projects: Projects, tasks: Tasks, triggers: TriggerHandlers, identities: Identities) -> None:
        self._projects = projects
        self._tasks = tasks
        self._triggers = triggers
        self._identities = identities

    def DeployTask(self, request: Any, call: Incoming) -> Any:
        """Adds a version of a task, or overwrites it; a list of triggers replaces those that the task has."""
        check_project(self._projects, request.task_id.project)
        if not request.HasField("spec"):
            raise Rejected("INTERNAL", "proto: Marshal called with nil")
        self._triggers.check(request.triggers)
        self._tasks.deploy(request.task_id, request.spec, deployed_by=self._identities.of(call))
        self._triggers.deploy_all(request.task_id, request.triggers)
        return task_service_pb2.DeployTaskResponse()

    def GetTaskDetails(self, request: Any, _call: Incoming) -> Any:
        """One version."""
        details = self._tasks.find(request.task_id)
        if details is None:
            raise task_not_found(request.task_id)
        return task_service_pb2.GetTaskDetailsResponse(details=details)

    def ListTasks(self, request: Any, _call: Incoming) -> Any:
        """The newest version of each task, of those that the filters leave."""
        query = listing(request.request, TASK_COLUMNS, "tasks")
        scope = "1"
        arguments: tuple[str, ...] = ()
        if request.WhichOneof("scope_by") == "project_id":
            scope, arguments = "project=? AND domain=?", (request.project_id.name, request.project_id.domain)
        for known in request.known_filters:  # is_entrypoint is ignored there, too
            if known.WhichOneof("filter_by") == "deployed_by":
                scope, arguments = f"{scope} AND deployed_by=?", (*arguments, known.deployed_by)
        tasks, total, filtered = self._tasks.page(scope, arguments, query)
        response = task_service_pb2.ListTasksResponse(tasks=tasks, token=query.token(len(tasks)))
        response.metadata.total, response.metadata.filtered_total = total, filtered
        return response

    def ListVersions(self, request: Any, _call: Incoming) -> Any:
        """The versions of one task."""
        query = listing(request.request, TASK_COLUMNS, "versions")
        rows = self._tasks.versions(request.task_name, query)
        response = task_service_pb2.ListVersionsResponse(token=query.token(len(rows)))
        for row in rows:
            version = response.versions.add(version=row["version"])
            version.deployed_at.FromJsonString(row["created_at"])
            metadata = task_definition_pb2.TaskMetadata.FromString(row["metadata"])
            if metadata.HasField("deployed_by"):
                version.deployed_by.CopyFrom(metadata.deployed_by)
        return response
