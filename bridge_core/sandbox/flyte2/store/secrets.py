"""Secrets that clients created. They lie in the store's file, which only its owner can read, and are handed to tasks alone."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from ...model.times import now, to_text

if TYPE_CHECKING:
    from ...store.database import Database

__all__ = ["Secrets"]


class Secrets:
    """Secrets by name and scope: of a project's domain, of a domain, or of all."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, scope: tuple[str, str], name: str, value: bytes, kind: int) -> bool:
        """Adds one; False when there is one of that name."""
        try:
            self._db.execute(
                "INSERT INTO flyte2_secrets (project, domain, name, value, type, created_at) VALUES (?,?,?,?,?,?)",
                (*scope, name, value, kind, to_text(now())),
            )
        except sqlite3.IntegrityError:
            return False
        return True

    def update(self, scope: tuple[str, str], name: str, value: bytes, kind: int) -> bool:
        """Replaces a value; False when there is none of that name."""
        return bool(
            self._db.execute(
                "UPDATE flyte2_secrets SET value=?, type=? WHERE project=? AND domain=? AND name=?",
                (value, kind, *scope, name),
            ).rowcount
        )

    def remove(self, scope: tuple[str, str], name: str) -> bool:
        """Removes one; False when there is none of that name."""
        return bool(
            self._db.execute(
                "DELETE FROM flyte2_secrets WHERE project=? AND domain=? AND name=?", (*scope, name)
            ).rowcount
        )

    def find(self, scope: tuple[str, str], name: str) -> sqlite3.Row | None:
        """What may be told of one: everything but its value."""
        return self._db.one(
            "SELECT project, domain, name, type, created_at FROM flyte2_secrets WHERE project=? AND domain=? AND name=?",
            (*scope, name),
        )

    def page(self, scope: tuple[str, str], limit: int, offset: int) -> list[sqlite3.Row]:
        """Those of a scope, in the order of creation; an empty part of the scope stands for all."""
        return self._db.all(
            "SELECT project, domain, name, type, created_at FROM flyte2_secrets"
            " WHERE (?='' OR project=?) AND (?='' OR domain=?) ORDER BY id LIMIT ? OFFSET ?",
            (scope[0], scope[0], scope[1], scope[1], limit, offset),
        )

    def of_task(self, run: Any, template: Any) -> dict[str, str]:
        """Variables with the secrets that a task asks for, of the narrowest scope that has them."""
        found = {}
        for secret in template.security_context.secrets:
            for scope in ((run.project, run.domain), ("", run.domain), ("", "")):
                row = self._db.one(
                    "SELECT value FROM flyte2_secrets WHERE project=? AND domain=? AND name=?", (*scope, secret.key)
                )
                if row is not None:
                    variable = secret.env_var or "_".join(filter(None, (secret.group, secret.key))).upper()
                    found[variable.replace("-", "_")] = row["value"].decode(errors="replace")
                    break
        return found
