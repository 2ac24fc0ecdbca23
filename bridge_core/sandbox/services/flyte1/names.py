"""AdminService: the names that versions of tasks, workflows and launch plans share, and their descriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import common_pb2
from flyteidl.core import identifier_pb2

from ...model.ids import GENERATED, kind_name
from ...model.status import Rejected
from ...validation.filters import Query, query_of
from ...validation.list_columns import NAMED
from ...validation.requests import check_limit, check_resource_type, missing, require
from .listing import query_of_project

if TYPE_CHECKING:
    from ...admin.context import Admin

__all__ = ["NameHandlers"]

_LISTED = (identifier_pb2.LAUNCH_PLAN, identifier_pb2.WORKFLOW, identifier_pb2.TASK)


class NameHandlers:
    """Handlers by RPC name; see flyteidl's ``service/admin.proto``."""

    def __init__(self, admin: Admin) -> None:
        self._names = admin.names

    def ListTaskIds(self, request: Any) -> Any:
        """Names of tasks."""
        query = query_of_project(NAMED, request, "ListUniqueTaskIdentifiers", filters=False)
        return self._ids(identifier_pb2.TASK, query)

    def ListWorkflowIds(self, request: Any) -> Any:
        """Names of workflows."""
        query = query_of_project(NAMED, request, "ListWorkflowIdentifiers", filters=False)
        return self._ids(identifier_pb2.WORKFLOW, query)

    def ListLaunchPlanIds(self, request: Any) -> Any:
        """Names of launch plans. Without project or domain those of all of them: FlyteAdmin forgot the check."""
        query = query_of(NAMED, request, "", filters=False)
        given = [part for part in ("project", "domain") if getattr(request, part)]
        if not request.limit or not given:
            what = "filters" if request.limit else "limit"
            raise Rejected("INVALID_ARGUMENT", f"missing and/or invalid parameters: {what}")
        for part in given:
            query.require(f"entities.{part}=?", getattr(request, part))
        return self._ids(identifier_pb2.LAUNCH_PLAN, query)

    def _ids(self, resource_type: int, query: Query) -> Any:
        page = self._names.ids(resource_type, query)
        names = [_name_of(row) for row in page.rows]
        return common_pb2.NamedEntityIdentifierList(entities=names, token=page.token)

    # Named entities.

    def ListNamedEntities(self, request: Any) -> Any:
        """Names with their descriptions; without a filter of the caller's, those of generated workflows are left out."""
        require(request, "project", "domain")
        check_resource_type(request.resource_type)
        check_limit(request.limit)
        query = query_of(NAMED, request, "ListNamedEntities")
        if not request.filters:
            query.require("entities.name NOT LIKE ?", f"{GENERATED}%")
        if request.resource_type not in _LISTED:
            text = f"Cannot list entity names for resource type: {kind_name(request.resource_type)}"
            raise Rejected("INVALID_ARGUMENT", text)
        page = self._names.page(request.resource_type, request.project, request.domain, query)
        entities = [_named(request.resource_type, row) for row in page.rows]
        return common_pb2.NamedEntityList(entities=entities, token=page.token)

    def GetNamedEntity(self, request: Any) -> Any:
        """One name with its description."""
        check_resource_type(request.resource_type)
        return _named(request.resource_type, self._found(request))

    def UpdateNamedEntity(self, request: Any) -> Any:
        """Changes description and state of a name."""
        check_resource_type(request.resource_type)
        _identifier(request)
        if not request.HasField("metadata"):
            raise missing("metadata")
        state = request.metadata.state
        if state != common_pb2.NAMED_ENTITY_ACTIVE and request.resource_type not in _LISTED:
            text = f"Resource [{kind_name(request.resource_type)}] cannot have its state updated"
            raise Rejected("INVALID_ARGUMENT", text)
        self._found(request)
        self._names.update(request.resource_type, request.id, request.metadata.description, state)
        return common_pb2.NamedEntityUpdateResponse()

    def _found(self, request: Any) -> Any:
        identifier = _identifier(request)
        if request.resource_type not in _LISTED:
            text = f"Cannot get NamedEntityMetadata for resource type: {kind_name(request.resource_type)}"
            raise Rejected("INVALID_ARGUMENT", text)
        row = self._names.find(request.resource_type, identifier)
        if row is None:
            raise Rejected("NOT_FOUND", "entry not found")
        return row


def _identifier(request: Any) -> Any:
    if not request.HasField("id"):
        raise missing("id")
    require(request.id, "project", "domain", "name")
    return request.id


def _name_of(row: Any) -> Any:
    return common_pb2.NamedEntityIdentifier(project=row["project"], domain=row["domain"], name=row["name"])


def _named(resource_type: int, row: Any) -> Any:
    metadata = common_pb2.NamedEntityMetadata(description=row["description"], state=row["state"])
    return common_pb2.NamedEntity(resource_type=resource_type, id=_name_of(row), metadata=metadata)
