"""ProjectService: the projects of Flyte 1, with other rules: ids are not checked, and an update replaces everything."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from flyteidl.admin import project_pb2 as flyte1_project_pb2
from flyteidl2.project import project_service_pb2

from ...model.status import Rejected

if TYPE_CHECKING:
    from ...store.projects import Projects
    from ..wire.call import Incoming

__all__ = ["ProjectHandlers", "check_project"]

_DOMAINS = {"development": "Development", "production": "Production", "staging": "Staging"}
_DEFAULT_LIMIT = 100
_FIELDS = ("identifier", "name", "state", "description", "id", "domain", "created_at")
_FILTER = re.compile(r"(\w+)\(([^,()]+),([^()]*)\)")


def check_project(projects: Projects, project: str) -> None:
    """Refuses a project that is not there; archived ones are as good as others."""
    if not project:
        raise Rejected("INTERNAL", "failed to validate project: invalid_argument: id is required")
    if projects.find(project) is None:
        raise Rejected("NOT_FOUND", f'project "{project}" not found')


class ProjectHandlers:
    """One method per RPC."""

    def __init__(self, projects: Projects) -> None:
        self._projects = projects

    def CreateProject(self, request: Any, _call: Incoming) -> Any:
        """Adds a project."""
        project = request.project
        if not project.id:
            raise Rejected("INVALID_ARGUMENT", "project.id is required")
        try:
            self._projects.add(_to_flyte1(project))
        except Rejected:
            raise Rejected("ALREADY_EXISTS", f"project already exists: {project.id}") from None
        return project_service_pb2.CreateProjectResponse()

    def UpdateProject(self, request: Any, _call: Incoming) -> Any:
        """Replaces a project: what is not given is gone."""
        if self._projects.find(request.project.id) is None:
            raise Rejected("NOT_FOUND", f"project not found: {request.project.id}")
        self._projects.replace(_to_flyte1(request.project))
        return project_service_pb2.UpdateProjectResponse()

    def GetProject(self, request: Any, _call: Incoming) -> Any:
        """One project, also an archived one."""
        project = self._projects.find(request.id)
        if project is None:
            raise Rejected("NOT_FOUND", f"project not found: {request.id}")
        return project_service_pb2.GetProjectResponse(project=_to_flyte2(project))

    def ListProjects(self, request: Any, _call: Incoming) -> Any:
        """A page in the order of creation; archived ones only when a filter is given."""
        if request.token and not request.token.isdecimal():
            raise Rejected("INVALID_ARGUMENT", f"invalid token format: {request.token}")
        if request.sort_by.key and request.sort_by.key not in _FIELDS:
            raise Rejected("INVALID_ARGUMENT", f"invalid sort field: {request.sort_by.key}")
        wanted = _filters(request.filters)
        found = [_to_flyte2(project) for project in self._projects.in_order()]
        if not wanted:
            found = [project for project in found if project.state != project_service_pb2.PROJECT_STATE_ARCHIVED]
        found = [project for project in found if all(_fits(project, *one) for one in wanted)]
        if request.sort_by.key:
            key = "id" if request.sort_by.key == "identifier" else request.sort_by.key
            found.sort(key=lambda project: str(getattr(project, key, "")), reverse=not request.sort_by.direction)
        start, limit = int(request.token or 0), request.limit or _DEFAULT_LIMIT
        page = found[start : start + limit]
        token = str(start + limit) if len(page) == limit else ""
        return project_service_pb2.ListProjectsResponse(
            projects=project_service_pb2.Projects(projects=page, token=token)
        )


def _filters(text: str) -> list[tuple[str, str, str]]:
    found = _FILTER.findall(text)
    for _function, field, _value in found:
        if field not in _FIELDS:
            raise Rejected("INVALID_ARGUMENT", f"invalid filter field: {field}")
    return found


def _fits(project: Any, function: str, field: str, value: str) -> bool:
    found = str(getattr(project, "id" if field == "identifier" else field, ""))
    if function == "ne":
        return found != value
    if function == "contains":
        return value in found
    return found in value.split(";") if function == "value_in" else found == value


def _to_flyte1(project: Any) -> Any:
    converted = flyte1_project_pb2.Project(id=project.id, name=project.name, description=project.description)
    converted.state = project.state
    if project.HasField("labels"):
        converted.labels.values.update(project.labels.values)
    return converted


def _to_flyte2(project: Any) -> Any:
    converted = project_service_pb2.Project(id=project.id, name=project.name, description=project.description)
    converted.state = project.state
    for domain, name in _DOMAINS.items():
        converted.domains.add(id=domain, name=name)
    if project.HasField("labels") and project.labels.values:
        converted.labels.values.update(project.labels.values)
    return converted
