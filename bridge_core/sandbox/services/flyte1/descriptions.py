"""AdminService: what authors wrote about their tasks and workflows (flyteadmin ``description_entity_manager.go``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import description_entity_pb2
from flyteidl.core import identifier_pb2

from ...model.ids import describe
from ...model.status import Rejected
from ...store.descriptions import Descriptions
from ...validation.filters import DESCRIPTION, Query

if TYPE_CHECKING:
    from ...engine.engine import Engine

__all__ = ["DescriptionHandlers"]


class DescriptionHandlers:
    """Handlers by RPC name. Descriptions come with the tasks and workflows that are created."""

    def __init__(self, engine: Engine) -> None:
        self._descriptions = Descriptions(engine.database)

    def GetDescriptionEntity(self, request: Any) -> Any:
        """The description of one version; NOT_FOUND when its author wrote none."""
        if request.id.resource_type == identifier_pb2.UNSPECIFIED:
            raise Rejected("INVALID_ARGUMENT", "invalid value for resource_type")
        _require(request.id, "project", "domain", "name", "version")
        found = self._descriptions.find(request.id)
        if found is None:
            text = f"missing entity of type description entity with identifier {describe(request.id)}"
            raise Rejected("NOT_FOUND", text)
        return found

    def ListDescriptionEntities(self, request: Any) -> Any:
        """One page of the descriptions of one name's versions."""
        _require(request.id, "project", "domain", "name")
        query = Query(
            DESCRIPTION, filters=request.filters, sort_by=request.sort_by, limit=request.limit, token=request.token
        )
        where = (request.id.project, request.id.domain, request.id.name)
        query.require("project=? AND domain=? AND name=?", *where)
        found, page = self._descriptions.page(request.resource_type, query)
        return description_entity_pb2.DescriptionEntityList(descriptionEntities=found, token=page.token)


def _require(identifier: Any, *fields: str) -> None:
    for field in fields:
        if not getattr(identifier, field):
            raise Rejected("INVALID_ARGUMENT", f"missing {field}")
