"""What lists of a project and domain have in common."""

from __future__ import annotations

from typing import Any

from ...model.status import Rejected
from ...validation.filters import Query

__all__ = ["query_in"]


def query_in(listed: Any, request: Any, project: str, domain: str) -> Query:
    """The query of a list request that is about one project and domain."""
    if not project or not domain:
        raise Rejected("INVALID_ARGUMENT", "missing project" if not project else "missing domain")
    query = Query(listed, filters=request.filters, sort_by=request.sort_by, limit=request.limit, token=request.token)
    query.require("project=? AND domain=?", project, domain)
    return query
