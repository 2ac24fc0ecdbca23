"""AdminService: what authors wrote about their tasks and workflows (flyteadmin ``description_entity_manager.go``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import description_entity_pb2

from ...model.status import Rejected
from ...validation.filters import query_of
from ...validation.list_columns import DESCRIPTION
from ...validation.requests import check_limit, check_resource_type, fields_checked, missing, require

if TYPE_CHECKING:
    from ...admin.context import Admin

__all__ = ["DescriptionHandlers"]


class DescriptionHandlers:
    """Handlers by RPC name. Descriptions come with the tasks and workflows that are created."""

    def __init__(self, admin: Admin) -> None:
        self._descriptions = admin.descriptions

    def GetDescriptionEntity(self, request: Any) -> Any:
        """The description of one version; NOT_FOUND when its author wrote none."""
        check_resource_type(request.id.resource_type)
        identifier = fields_checked(request, "id")
        found = self._descriptions.find(identifier)
        if found is None:
            raise Rejected("NOT_FOUND", "entry not found")
        return found

    def ListDescriptionEntities(self, request: Any) -> Any:
        """One page of the descriptions of one name's versions, of whatever kind: FlyteAdmin does not look at it."""
        if not request.HasField("id"):
            raise missing("id")
        require(request.id, "project", "domain", "name")
        check_limit(request.limit)
        query = query_of(DESCRIPTION, request, "ListDescriptionEntities")
        where = (request.id.project, request.id.domain, request.id.name)
        query.require("descriptions.project=? AND descriptions.domain=? AND descriptions.name=?", *where)
        found, page = self._descriptions.page(query)
        return description_entity_pb2.DescriptionEntityList(descriptionEntities=found, token=page.token)
