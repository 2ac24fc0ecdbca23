"""AdminService: the names that versions of tasks, workflows and launch plans share, and their descriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import common_pb2
from flyteidl.core import identifier_pb2

from ...model.ids import GENERATED
from ...model.status import Rejected
from ...validation.filters import NAMED, Query
from .listing import query_in

if TYPE_CHECKING:
    from ...engine.engine import Engine

__all__ = ["NameHandlers"]


class NameHandlers:
    """Handlers by RPC name; see flyteidl's ``service/admin.proto``."""

    def __init__(self, engine: Engine) -> None:
        self._entities = engine.entities

    def ListTaskIds(self, request: Any) -> Any:
        """Names of tasks."""
        return self._ids(request, identifier_pb2.TASK)

    def ListWorkflowIds(self, request: Any) -> Any:
        """Names of workflows."""
        return self._ids(request, identifier_pb2.WORKFLOW)

    def ListLaunchPlanIds(self, request: Any) -> Any:
        """Names of launch plans."""
        return self._ids(request, identifier_pb2.LAUNCH_PLAN)

    def _ids(self, request: Any, resource_type: int) -> Any:
        request.filters = ""  # FlyteAdmin does not look at them here
        page = self._entities.names(resource_type, query_in(NAMED, request, request.project, request.domain))
        names = [_name_of(row) for row in page.rows]
        return common_pb2.NamedEntityIdentifierList(entities=names, token=page.token)

    # Named entities.

    def ListNamedEntities(self, request: Any) -> Any:
        """Names with their descriptions; without a filter of the caller's, those of generated workflows are left out."""
        _check_kind(request.resource_type)
        query = query_in(NAMED, request, request.project, request.domain)
        if not request.filters:
            query.require("name NOT LIKE ?", f"{GENERATED}%")
        page = self._entities.names(request.resource_type, query)
        entities = [_named(request.resource_type, row) for row in page.rows]
        return common_pb2.NamedEntityList(entities=entities, token=page.token)

    def GetNamedEntity(self, request: Any) -> Any:
        """One name with its description."""
        _check_kind(request.resource_type)
        query = Query(NAMED, limit=1)
        query.require("project=? AND domain=? AND name=?", request.id.project, request.id.domain, request.id.name)
        page = self._entities.names(request.resource_type, query)
        if not page.rows:
            raise Rejected("NOT_FOUND", f"missing entity of type named entity with name {request.id.name}")
        return _named(request.resource_type, page.rows[0])

    def UpdateNamedEntity(self, request: Any) -> Any:
        """Changes description and state of a name."""
        _check_kind(request.resource_type)
        metadata = request.metadata
        if not self._entities.update_named(request.resource_type, request.id, metadata.description, metadata.state):
            raise Rejected("NOT_FOUND", f"missing entity of type named entity with name {request.id.name}")
        return common_pb2.NamedEntityUpdateResponse()


def _check_kind(resource_type: int) -> None:
    if resource_type == identifier_pb2.UNSPECIFIED:
        raise Rejected("INVALID_ARGUMENT", "invalid value for resource_type")


def _name_of(row: Any) -> Any:
    return common_pb2.NamedEntityIdentifier(project=row["project"], domain=row["domain"], name=row["name"])


def _named(resource_type: int, row: Any) -> Any:
    metadata = common_pb2.NamedEntityMetadata(description=row["description"], state=row["state"])
    return common_pb2.NamedEntity(resource_type=resource_type, id=_name_of(row), metadata=metadata)
