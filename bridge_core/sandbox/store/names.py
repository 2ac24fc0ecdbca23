"""The names that versions of tasks, workflows and launch plans share, with descriptions and states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.core import identifier_pb2

if TYPE_CHECKING:
    import sqlite3

    from ..validation.filters import Query
    from .database import Database, Page

__all__ = ["Names"]

_NAME = "resource_type=? AND project=? AND domain=? AND name=?"
_KINDS = (identifier_pb2.TASK, identifier_pb2.WORKFLOW, identifier_pb2.LAUNCH_PLAN)


class Names:
    """Named entities in the store."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def ids(self, resource_type: int, query: Query) -> Page:
        """One page of the names of one kind; by name when the request has no order, because they are grouped by it."""
        if not query.sorted:
            query.order = "entities.project, entities.domain, entities.name"
        query.require("entities.resource_type=?", resource_type)
        return self._db.page(query)

    def page(self, resource_type: int, project: str, domain: str, query: Query) -> Page:
        """One page of names with what is said of them: the page is cut first, then filtered, as flyteadmin does.

        So a page can be short, or empty, and others may follow it that are not told of
        (``repositories/gormimpl/named_entity_repo.go``: limit and offset are those of the sub-query).
        """
        statement = "SELECT * FROM named_entities AS entities WHERE resource_type=? AND project=? AND domain=?"
        return self._db.page_then_filter(query, statement, (resource_type, project, domain))

    def find(self, resource_type: int, identifier: Any) -> sqlite3.Row | None:
        """One name, or None."""
        return self._db.one(f"SELECT * FROM named_entities WHERE {_NAME}", _key(resource_type, identifier))  # noqa: S608

    def update(self, resource_type: int, identifier: Any, description: str, state: int) -> None:
        """Changes description and state of a name; an empty description leaves what there is."""
        self._db.execute(
            f"UPDATE named_entities SET description=CASE ? WHEN '' THEN description ELSE ? END, state=? WHERE {_NAME}",  # noqa: S608
            (description, description, state, *_key(resource_type, identifier)),
        )


def _key(resource_type: int, identifier: Any) -> tuple[int, str, str, str]:
    return resource_type, identifier.project, identifier.domain, identifier.name
