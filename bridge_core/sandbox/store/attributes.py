"""Matchable attributes: what holds for all runs of a project, of a domain in it, of a workflow.

After flyteadmin ``pkg/repositories/gormimpl/resource_repo.go``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import matchable_resource_pb2

from ..model.ids import enum_name

if TYPE_CHECKING:
    import sqlite3

    from .database import Database

__all__ = ["Attributes"]

_PLACE = "project, domain, workflow, launch_plan, resource_type"


class Attributes:
    """Attributes in the store, one set of each kind for a place."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def put(self, place: tuple[str, str, str], kind: int, attributes: Any) -> None:
        """Sets what holds for a place.

        Args:
            place: Project, domain and workflow; the last ones empty for what holds for all of them.
            kind: A MatchableResource.
            attributes: MatchingAttributes.
        """
        priority = 100 if place[2] else 10 if place[1] else 5  # models/resource.go
        self._db.execute(
            f"INSERT INTO attributes ({_PLACE}, priority, attributes) VALUES (?,?,?,'',?,?,?)"  # noqa: S608
            f" ON CONFLICT ({_PLACE}) DO UPDATE SET attributes=excluded.attributes",
            (*place, _name(kind), priority, attributes.SerializeToString()),
        )

    def exact(self, place: tuple[str, str, str], kind: int) -> Any | None:
        """What is set for exactly this place, or None."""
        row = self._db.one(
            "SELECT * FROM attributes WHERE project=? AND domain=? AND workflow=? AND launch_plan='' AND resource_type=?",
            (*place, _name(kind)),
        )
        return None if row is None else _read(row)

    def find(self, project: str, domain: str, workflow: str, kind: int) -> Any | None:
        """What holds for a place: the most particular that is set for it or a wider one, or None."""
        row = self._db.one(
            "SELECT * FROM attributes WHERE resource_type=? AND domain IN ('', ?) AND project IN ('', ?)"
            " AND workflow IN ('', ?) AND launch_plan='' ORDER BY priority DESC",
            (_name(kind), domain, project, workflow),
        )
        return None if row is None else _read(row)

    def remove(self, place: tuple[str, str, str], kind: int) -> None:
        """Forgets what is set for a place. What is empty matches anything, as in flyteadmin."""
        given = [
            (column, value) for column, value in zip(("project", "domain", "workflow"), place, strict=True) if value
        ]
        where = "".join(f" AND {column}=?" for column, _ in given)
        values = [value for _, value in given]
        self._db.execute(f"DELETE FROM attributes WHERE resource_type=?{where}", [_name(kind), *values])  # noqa: S608

    def all_of(self, kind: int) -> list[Any]:
        """Every set of one kind, the most particular first, as MatchableAttributesConfiguration."""
        rows = self._db.all("SELECT * FROM attributes WHERE resource_type=? ORDER BY priority DESC, id", (_name(kind),))
        return [
            matchable_resource_pb2.MatchableAttributesConfiguration(
                attributes=_read(row),
                project=row["project"],
                domain=row["domain"],
                workflow=row["workflow"],
                launch_plan=row["launch_plan"],
            )
            for row in rows
        ]


def _read(row: sqlite3.Row) -> Any:
    return matchable_resource_pb2.MatchingAttributes.FromString(row["attributes"])


def _name(kind: int) -> str:
    return enum_name(matchable_resource_pb2.MatchableResource, kind)
