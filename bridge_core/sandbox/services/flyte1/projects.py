"""AdminService: projects and their domains, and which release it follows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import project_pb2, version_pb2

from ...model.ids import check_project_id
from ...model.status import Rejected
from ...store.entities import DOMAINS

if TYPE_CHECKING:
    from ...engine.engine import Engine

__all__ = ["ProjectHandlers"]

_VERSION = "v1.16.8-sandbox"


class ProjectHandlers:
    """Handlers by RPC name; see flyteidl's ``service/admin.proto``."""

    def __init__(self, engine: Engine) -> None:
        self._entities = engine.entities

    def ListProjects(self, _request: Any) -> Any:
        """All projects; filters are not applied, a sandbox has few."""
        return project_pb2.Projects(projects=self._entities.projects())

    def GetProject(self, request: Any) -> Any:
        """One project."""
        for project in self._entities.projects():
            if project.id == request.id:
                return project
        raise Rejected("NOT_FOUND", f"project [{request.id}] not found")

    def RegisterProject(self, request: Any) -> Any:
        """Adds a project with the usual domains."""
        if not request.project.id:
            raise Rejected("INVALID_ARGUMENT", "missing project_id")
        check_project_id(request.project.id)
        if any(project.id == request.project.id for project in self._entities.projects()):
            raise Rejected("ALREADY_EXISTS", f"project [{request.project.id}] already exists")
        self._entities.add_project(request.project.id)
        return project_pb2.ProjectRegisterResponse()

    def GetDomains(self, _request: Any) -> Any:
        """The domains every project has."""
        return project_pb2.GetDomainsResponse(domains=[project_pb2.Domain(id=name, name=name) for name in DOMAINS])

    def GetVersion(self, _request: Any) -> Any:
        """The FlyteAdmin release whose behaviour is followed."""
        return version_pb2.GetVersionResponse(
            control_plane_version=version_pb2.Version(Version=_VERSION, Build="sandbox")
        )
