"""AdminService: projects and their domains, and which release it follows (flyteadmin ``project_manager.go``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import common_pb2, project_pb2, version_pb2

from ...model.status import Rejected
from ...store.projects import DOMAINS
from ...validation.filters import query_of
from ...validation.kubernetes_names import project_errors
from ...validation.list_columns import PROJECT
from ...validation.requests import check_labels, missing

if TYPE_CHECKING:
    from ...admin.context import Admin

__all__ = ["ProjectHandlers"]

_VERSION = "v1.16.8-sandbox"
_LONGEST_NAME, _LONGEST_DESCRIPTION = 64, 300  # bytes
_BY_ID = common_pb2.Sort(key="identifier", direction=common_pb2.Sort.ASCENDING)


class ProjectHandlers:
    """Handlers by RPC name; see flyteidl's ``service/admin.proto``."""

    def __init__(self, admin: Admin) -> None:
        self._projects = admin.projects

    def ListProjects(self, request: Any) -> Any:
        """One page of projects, by their ids unless asked otherwise; archived ones only where a filter lets them through."""
        if not request.HasField("sort_by"):
            request.sort_by.CopyFrom(_BY_ID)
        query = query_of(PROJECT, request, "ListProjects")
        if not request.filters:
            query.require("projects.state<>?", project_pb2.Project.ARCHIVED)
        projects, page = self._projects.page(query)
        return project_pb2.Projects(projects=projects, token=page.token)

    def GetProject(self, request: Any) -> Any:
        """One project."""
        if not request.id:
            raise missing("project_id")
        return self._projects.get(request.id)

    def RegisterProject(self, request: Any) -> Any:
        """Adds a project with the usual domains."""
        if not request.HasField("project"):
            raise missing("project")
        if not request.project.name:
            raise missing("project_name")
        _check(request.project)
        self._projects.add(request.project)
        return project_pb2.ProjectRegisterResponse()

    def UpdateProject(self, request: Any) -> Any:
        """Changes name, description, labels and state; archives with it."""
        self._projects.get(request.id)
        _check(request)
        self._projects.update(request)
        return project_pb2.ProjectUpdateResponse()

    def GetDomains(self, _request: Any) -> Any:
        """The domains every project has."""
        return project_pb2.GetDomainsResponse(domains=[project_pb2.Domain(id=name, name=name) for name in DOMAINS])

    def GetVersion(self, _request: Any) -> Any:
        """The FlyteAdmin release whose behaviour is followed."""
        return version_pb2.GetVersionResponse(
            control_plane_version=version_pb2.Version(Version=_VERSION, Build="sandbox")
        )


def _check(project: Any) -> None:
    """Flyteadmin ``project_validator.go``: ValidateProject."""
    if not project.id:
        raise missing("project_id")
    check_labels(project.labels)
    errors = project_errors(project.id)
    if errors:
        raise Rejected("INVALID_ARGUMENT", f"invalid project id [{project.id}]: [{' '.join(errors)}]")
    limits = (
        ("project_name", project.name, _LONGEST_NAME),
        ("project_description", project.description, _LONGEST_DESCRIPTION),
    )
    for what, text, longest in limits:
        if len(text.encode()) > longest:
            raise Rejected("INVALID_ARGUMENT", f"{what} cannot exceed {longest} characters")
    if project.domains:
        text = "Domains are currently only set system wide. Please retry without domains included in your request."
        raise Rejected("INVALID_ARGUMENT", text)
