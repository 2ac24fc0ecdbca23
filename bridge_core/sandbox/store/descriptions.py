"""What authors wrote about versions of tasks and workflows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import description_entity_pb2

if TYPE_CHECKING:
    from ..validation.filters import Query
    from .database import Database, Page

__all__ = ["Descriptions"]


class Descriptions:
    """Descriptions in the store, one for a version at most."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, identifier: Any, description: Any) -> None:
        """Stores what came with a new version."""
        record = description_entity_pb2.DescriptionEntity()
        record.CopyFrom(description)
        record.id.CopyFrom(identifier)
        record.long_description.SetInParent()
        record.source_code.SetInParent()
        self._db.execute(
            "INSERT INTO descriptions (resource_type, project, domain, name, version, record) VALUES (?,?,?,?,?,?)",
            (*_key(identifier), record.SerializeToString()),
        )

    def find(self, identifier: Any) -> Any | None:
        """The description of one version, or None."""
        row = self._db.one(
            "SELECT record FROM descriptions WHERE resource_type=? AND project=? AND domain=? AND name=? AND version=?",
            _key(identifier),
        )
        return None if row is None else description_entity_pb2.DescriptionEntity.FromString(row["record"])

    def page(self, query: Query) -> tuple[list[Any], Page]:
        """One page of the descriptions."""
        page = self._db.page(query, ["record"])
        return [description_entity_pb2.DescriptionEntity.FromString(row["record"]) for row in page.rows], page


def _key(identifier: Any) -> tuple[int, str, str, str, str]:
    return identifier.resource_type, identifier.project, identifier.domain, identifier.name, identifier.version
