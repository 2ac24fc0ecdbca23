"""Flyte 2's projects and domains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl2.project import project_service_pb2

from ...model.projects import Project, domains_of
from .methods import rpc

if TYPE_CHECKING:
    from ...calls import Calls

__all__ = ["Flyte2Projects"]

_PAGE = 100


class Flyte2Projects:
    """Where tasks and runs live."""

    def __init__(self, calls: Calls, *, org: str | None) -> None:
        self._calls = calls
        self._org = org

    async def all(self) -> list[Project]:
        """ListProjects, by id; archived ones are left out by the server. A full last page is followed by an empty one."""
        request = project_service_pb2.ListProjectsRequest(limit=_PAGE, org=self._org or "")
        found: dict[str, Project] = {}
        while True:
            answer = (await self._calls.unary(rpc("ListProjects"), request)).projects
            found.update((item.id, _project(item)) for item in answer.projects)
            if not answer.token or not answer.projects:
                return [found[key] for key in sorted(found)]
            request.token = answer.token

    async def domains(self, project: str | None) -> list[str]:
        """Of one project, what its entry says; of the installation, those of all projects: it has no list of its own.

        Raises:
            NotFound: No such project; names those there are.
        """
        projects = await self.all()
        if project is None:
            return list(dict.fromkeys(domain for item in projects for domain in item.domains))
        return domains_of(project, projects)


def _project(message: Any) -> Project:
    return Project(
        id=message.id,
        name=message.name,
        description=message.description,
        domains=tuple(item.id for item in message.domains),
        labels=dict(message.labels.values),
        archived=message.state == project_service_pb2.PROJECT_STATE_ARCHIVED,
    )
