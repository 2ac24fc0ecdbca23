"""FlyteAdmin's projects and domains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import project_pb2

from ...model.projects import Project, domains_of
from .methods import rpc

if TYPE_CHECKING:
    from ...calls import Calls

__all__ = ["Flyte1Projects"]


class Flyte1Projects:
    """Where entities and runs live."""

    def __init__(self, calls: Calls, *, page: int) -> None:
        self._calls = calls
        self._page = page

    async def all(self) -> list[Project]:
        """ListProjects, page by page, by id. Without a filter FlyteAdmin leaves archived projects out."""
        request = project_pb2.ProjectListRequest(limit=self._page)
        found: list[Project] = []
        while True:
            answer = await self._calls.unary(rpc("ListProjects"), request)
            found += [_project(item) for item in answer.projects]
            if not answer.token:
                return sorted(found, key=lambda item: item.id)
            request.token = answer.token

    async def domains(self, project: str | None) -> list[str]:
        """GetDomains: those of the installation; of one project, what its entry says.

        Raises:
            NotFound: No such project; names those there are.
        """
        if project is None:
            answer = await self._calls.unary(rpc("GetDomains"), project_pb2.GetDomainRequest())
            return [item.id for item in answer.domains]
        return domains_of(project, await self.all())


def _project(message: Any) -> Project:
    return Project(
        id=message.id,
        name=message.name,
        description=message.description,
        domains=tuple(item.id for item in message.domains),
        labels=dict(message.labels.values),
        archived=message.state == project_pb2.Project.ARCHIVED,
    )
