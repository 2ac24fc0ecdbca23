"""What lists have in common: which part of the request is checked, and in which order (flyteadmin ``validation.go``)."""

from __future__ import annotations

from typing import Any

from ...validation.filters import Query, query_of
from ...validation.list_columns import Listed
from ...validation.requests import check_limit, missing, require

__all__ = ["NOT_FIRST_ROW", "query_of_entities", "query_of_project"]

NOT_FIRST_ROW = "an identifier without any part is refused here: FlyteAdmin answers with the first row of the table"
"""The one fault of FlyteAdmin that is not reproduced, of GetTask, GetExecutionData, GetNodeExecution, UpdateLaunchPlan."""


def query_of_entities(listed: Listed, request: Any, where: str, *, run: bool = False) -> Query:
    """The query of a ResourceListRequest: what has the project, the domain and perhaps the name of its id.

    Args:
        listed: What is listed.
        request: The request.
        where: The method, for messages.
        run: Whether the columns of its name are those of a run.
    """
    if not request.HasField("id"):
        raise missing("id")
    require(request.id, "project", "domain")
    check_limit(request.limit)
    query = query_of(listed, request, where)
    prefix = f"{listed.alias}.execution_" if run else f"{listed.alias}."
    for part in ("project", "domain", "name"):
        if part != "name" or request.id.name:
            query.require(f"{prefix}{part}=?", getattr(request.id, part))
    return query


def query_of_project(listed: Listed, request: Any, where: str, *, filters: bool = True) -> Query:
    """The query of a request about all that a project has in a domain."""
    require(request, "project", "domain")
    check_limit(request.limit)
    query = query_of(listed, request, where, filters=filters)
    for part in ("project", "domain"):
        query.require(f"{listed.alias}.{part}=?", getattr(request, part))
    return query
