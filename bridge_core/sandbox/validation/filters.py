"""FlyteAdmin's list requests: filter grammar, sorting, paging, turned into one SQL query.

Grammar (flyteadmin ``manager/impl/util/filters.go``): ``expr("+" expr)*`` with ``expr := function "(" field "," [space] value
")"``; the last comma splits; list values are joined with ``;``; nothing can be escaped. A field must be a column of its entity
(the allow-list of GHSA-r847-6w6h-r8g4): that is why ``name`` of an execution is refused and ``execution_name`` is not.

Other entities are joined, as there: two conditions on tags must hold for one and the same tag, and a run with two tags that match
is there twice, and counts twice against the limit.
"""

# Statements are put together from constants of this package; values always go in as parameters.
# ruff: noqa: S608

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from flyteidl.admin import common_pb2

from ..model.status import Rejected
from .filter_values import condition
from .list_columns import PREFIXES, Listed

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Query", "offset_of", "query_of"]

_EXPRESSION = re.compile(r"(.+)\((.+),\s?(.+)\)")
_RUN_PARTS = ("project", "domain", "name")
_RUNS_AND_BELOW = ("e", "ne", "te", "s")


class Query:
    """One list request, checked.

    Args:
        listed: What is listed.
        filters: The request's filter text.
        sort_by: Its `admin.Sort`, or None when it has none.
        limit: Rows of a page; 0 for all, where that may be asked for.
        offset: Rows before it.
    """

    def __init__(self, listed: Listed, *, filters: str = "", sort_by: Any = None, limit: int, offset: int = 0) -> None:
        self.listed = listed
        self.limit = limit
        self.offset = offset
        self._where = [listed.where] if listed.where else []
        self._arguments: list[Any] = []
        self._joined: dict[str, str] = {}
        self.fields: set[str] = set()
        """Fields of the listed entity itself that the request filters on."""
        if filters:
            self._parse(filters)
        self.sorted = sort_by is not None
        self.order = _order(listed, sort_by)

    def require(self, condition: str, *arguments: Any) -> None:
        """Adds a condition of the server's own."""
        self._where.append(condition)
        self._arguments.extend(arguments)

    def select(self, columns: Iterable[str]) -> tuple[str, list[Any]]:
        """The statement, without order and limit, and its arguments."""
        listed = self.listed
        selected = ", ".join(f"{listed.alias}.{column}" for column in columns)
        joins = "".join(f" INNER JOIN {source} ON {on}" for source, on in self._joined.items())
        return f"SELECT {selected} FROM {listed.source}{joins}{self._condition()}", self._arguments

    def filter(self, cut: str) -> tuple[str, list[Any]]:
        """The statement that takes its rows from a page that was cut before."""
        return f"SELECT * FROM ({cut}) AS {self.listed.alias}{self._condition()}", self._arguments

    def _condition(self) -> str:
        return f" WHERE {' AND '.join(self._where)}" if self._where else ""

    def _parse(self, text: str) -> None:
        for expression in text.split("+"):
            match = _EXPRESSION.fullmatch(expression)
            if match is None:
                raise Rejected("INVALID_ARGUMENT", "invalid value for filters")
            function, name, value = match.groups()
            entity, column = self._resolve(name)
            stored = "NULL" if column in entity.absent else f"{entity.alias}.{_stored(entity, column)}"
            wanted, arguments = condition(function, stored, entity.columns[column], value.split(";"))
            if entity is self.listed:
                self.fields.add(column)
            else:
                self._joined[entity.source] = self.listed.joins[entity.short][1]
                if entity.where:
                    self._joined[entity.source] += f" AND {entity.where}"
            self.require(wanted, *arguments)

    def _resolve(self, name: str) -> tuple[Listed, str]:
        prefix, dot, column = name.partition(".")
        short = PREFIXES.get(prefix) if dot else None
        if short is None or short == self.listed.short:
            entity, column = self.listed, column if short else name
        elif short in self.listed.joins:
            entity = self.listed.joins[short][0]
        else:
            raise Rejected("INVALID_ARGUMENT", f"'{short}' entity is not allowed in filters")
        if column not in entity.columns:
            raise Rejected("INVALID_ARGUMENT", f"'{entity.short}.{column}' is invalid filter")
        return entity, column


def offset_of(token: str, where: str) -> int:
    """The offset that a page token is.

    Raises:
        Rejected: INVALID_ARGUMENT, it is none.
    """
    if not token:
        return 0
    if not re.fullmatch(r"[+-]?[0-9]+", token, re.ASCII) or not 0 <= int(token) < 1 << 63:  # a Go int
        raise Rejected("INVALID_ARGUMENT", f"invalid pagination token {token}{where and ' for ' + where}")
    return int(token)


def query_of(listed: Listed, request: Any, where: str, *, filters: bool = True) -> Query:
    """The query of a list request, checked in flyteadmin's order: filters, order, token.

    Args:
        listed: What is listed.
        request: The request.
        where: What the method is called in messages.
        filters: Whether its filters count.
    """
    sort_by = request.sort_by if request.HasField("sort_by") else None
    query = Query(listed, filters=request.filters if filters else "", sort_by=sort_by, limit=request.limit)
    query.offset = offset_of(request.token, where)
    return query


def _stored(entity: Listed, column: str) -> str:
    """What a column is called in the table: `customizeField` in flyteadmin, and where ours is called otherwise."""
    if column in _RUN_PARTS and entity.short in _RUNS_AND_BELOW:
        return f"execution_{column}"  # of a task execution the task's own cannot be asked for
    if entity.short == "at" and column == "name":
        return "key"  # the admin_tag table became execution_tags
    return "id" if entity.short == "p" and column == "identifier" else column


def _order(listed: Listed, sort_by: Any) -> str:
    if sort_by is None:
        return f"{listed.alias}.heap" if listed.heap else f"{listed.alias}.rowid"
    if sort_by.key not in listed.columns:
        raise Rejected("INVALID_ARGUMENT", f"invalid sort key '{sort_by.key}'")
    if sort_by.direction not in common_pb2.Sort.Direction.values():
        raise Rejected("INVALID_ARGUMENT", f"invalid sort order specified: {sort_by}")
    column = f"{listed.alias}.{_stored_for_sort(listed, sort_by.key)}"
    if sort_by.key in listed.absent:
        column = f"{listed.alias}.rowid"
    if sort_by.direction == common_pb2.Sort.ASCENDING:
        return f"{column} ASC NULLS LAST, {listed.alias}.rowid ASC"
    return f"{column} DESC NULLS FIRST, {listed.alias}.rowid DESC"


def _stored_for_sort(listed: Listed, key: str) -> str:
    return "id" if listed.short == "p" and key == "identifier" else key
