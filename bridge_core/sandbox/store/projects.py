"""Projects: what they are called, and whether they are archived."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from flyteidl.admin import project_pb2

from ..model.status import Rejected
from ..model.times import now, to_text
from .executions import known

if TYPE_CHECKING:
    from ..validation.filters import Query
    from .database import Database, Page

__all__ = ["DOMAINS", "Projects"]

DOMAINS = ("development", "staging", "production")
"""The domains of every project (flyteadmin's default configuration)."""


class Projects:
    """Projects in the store."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def ensure(self, name: str) -> None:
        """Adds a project that has to be there from the start, described as flyteadmin's own seeds are."""
        if self.find(name) is None:
            self.add(project_pb2.Project(id=name, name=name, description=f"{name} description"))

    def add(self, project: Any) -> None:
        """Adds a project.

        Raises:
            Rejected: ALREADY_EXISTS.
        """
        stamp = to_text(now())
        try:
            self._db.execute(
                "INSERT INTO projects (id, name, description, state, created_at, updated_at, record) VALUES (?,?,?,?,?,?,?)",
                (
                    project.id,
                    project.name,
                    project.description,
                    project.state,
                    stamp,
                    stamp,
                    _record(project).SerializeToString(),
                ),
            )
        except sqlite3.IntegrityError:
            raise known("projects_pkey") from None

    def update(self, changes: Any) -> None:
        """Changes what is given; an empty text or no labels leave what there is, the state is always given."""
        with self._db.transaction():
            project = self.get(changes.id)
            project.name = changes.name or project.name
            project.description = changes.description or project.description
            project.state = changes.state
            if changes.HasField("labels"):
                project.labels.CopyFrom(changes.labels)
            self._db.execute(
                "UPDATE projects SET name=?, description=?, state=?, updated_at=?, record=? WHERE id=?",
                (
                    project.name,
                    project.description,
                    project.state,
                    to_text(now()),
                    project.SerializeToString(),
                    project.id,
                ),
            )

    def replace(self, project: Any) -> None:
        """Puts a project in the place of the one of that name: what is not given is gone, as in Flyte 2."""
        record = _record(project)
        self._db.execute(
            "UPDATE projects SET name=?, description=?, state=?, updated_at=?, record=? WHERE id=?",
            (project.name, project.description, project.state, to_text(now()), record.SerializeToString(), project.id),
        )

    def find(self, name: str) -> Any | None:
        """One project, or None."""
        row = self._db.one("SELECT record FROM projects WHERE id=?", (name,))
        return None if row is None else project_pb2.Project.FromString(row["record"])

    def get(self, name: str) -> Any:
        """One project, or NOT_FOUND."""
        project = self.find(name)
        if project is None:
            raise Rejected("NOT_FOUND", f"project [{name}] not found")
        return project

    def all(self) -> list[Any]:
        """All projects, archived ones too."""
        return [
            project_pb2.Project.FromString(row["record"])
            for row in self._db.all("SELECT record FROM projects ORDER BY id")
        ]

    def in_order(self) -> list[Any]:
        """All projects, in the order in which they were made."""
        rows = self._db.all("SELECT record FROM projects ORDER BY rowid")
        return [project_pb2.Project.FromString(row["record"]) for row in rows]

    def page(self, query: Query) -> tuple[list[Any], Page]:
        """One page of projects."""
        page = self._db.page(query, ["record"])
        return [project_pb2.Project.FromString(row["record"]) for row in page.rows], page

    def check(self, project: str, domain: str) -> None:
        """Refuses a project or domain that cannot be used (flyteadmin ``validation.ValidateProjectAndDomain``)."""
        self.check_active(project, f"project [{project}] and domain [{domain}] are registered")
        if domain not in DOMAINS:
            raise Rejected("INVALID_ARGUMENT", f"domain [{domain}] is unrecognized by system")

    def check_active(self, project: str, what: str) -> None:
        """Refuses a project that is not there or is archived."""
        if self.check_exists(project, what).state != project_pb2.Project.ACTIVE:
            detail = project_pb2.InactiveProject(id=project)
            raise Rejected("INVALID_ARGUMENT", f"project [{project}] is not active", detail)

    def check_exists(self, project: str, what: str) -> Any:
        """Refuses a project that is not there, and one that cannot be looked up: FlyteAdmin calls both invalid."""
        try:
            return self.get(project)
        except Rejected as rejected:
            raise Rejected(
                "INVALID_ARGUMENT", f"failed to validate that {what}, err: [{rejected.message}]"
            ) from rejected


def _record(project: Any) -> Any:
    record = project_pb2.Project()
    record.CopyFrom(project)
    del record.domains[:]
    for domain in DOMAINS:
        record.domains.add(id=domain, name=domain)
    return record
