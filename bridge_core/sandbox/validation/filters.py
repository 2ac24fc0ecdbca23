"""FlyteAdmin's list requests: filter grammar, sorting, paging, turned into one SQL query.

Grammar (flyteadmin ``manager/impl/util/filters.go``): ``expr("+" expr)*`` with ``expr := function "(" field "," [space] value
")"``; the last comma splits; list values are joined with ``;``; nothing can be escaped. A field must be a column of its entity
(the allow-list of GHSA-r847-6w6h-r8g4): that is why ``name`` of an execution is refused and ``execution_name`` is not.
"""

# Statements are put together from constants of this package; values always go in as parameters.
# ruff: noqa: S608

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from flyteidl.admin import common_pb2
from flyteidl.core import identifier_pb2

from ..model.status import Rejected
from ..model.times import parse_text

if TYPE_CHECKING:
    from collections.abc import Sequence


__all__ = [
    "EXECUTION",
    "LAUNCH_PLAN",
    "NAMED",
    "NODE",
    "SIGNAL",
    "TASK",
    "TASK_EXECUTION",
    "WORKFLOW",
    "Listed",
    "Query",
]

P_co = TypeVar("P_co", covariant=True)


class Pages(Protocol[P_co]):
    """What answers a query: the store."""

    def page(self, statement: str, arguments: Sequence[Any], *, order: str, limit: int, offset: int) -> P_co:
        """One page of a SELECT without ORDER BY and LIMIT."""


_EXPRESSION = re.compile(r"(.+)\((.+),\s?(.+)\)")
_OPERATORS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "eq": "=", "ne": "<>"}
_PREFIXES = {
    "task": "t",
    "workflow": "w",
    "launch_plan": "l",
    "execution": "e",
    "node_execution": "ne",
    "task_execution": "te",
    "entities": "nen",
    "named_entity_metadata": "nem",
    "project": "p",
    "signal": "s",
    "admin_tag": "at",
    "execution_tag": "et",
    "execution_admin_tag": "eat",
}
_TIMES = frozenset(
    f"{entity}{what}"
    for entity in ("", "execution_", "node_execution_", "task_execution_")
    for what in ("created_at", "updated_at")
) | {"deleted_at", "started_at"}


@dataclass(frozen=True, slots=True)
class Listed:
    """An entity that can be listed: its short name in messages, its columns, and how others are joined to it."""

    short: str
    columns: frozenset[str]
    joins: dict[str, Listed] = field(default_factory=dict)
    link: str = ""
    """For a joined entity: the sub-query that its conditions go into, ``{}`` marking their place."""


def _columns(text: str) -> frozenset[str]:
    return frozenset(text.split())


_VERSIONED = "id created_at updated_at project domain name version"
WORKFLOW = Listed("w", _columns(_VERSIONED))
TASK = Listed("t", _columns(_VERSIONED + " type"))
LAUNCH_PLAN = Listed(
    "l",
    _columns(_VERSIONED + " workflow_id state"),
    {
        "w": Listed(
            "w", WORKFLOW.columns, link="EXISTS (SELECT 1 FROM entities j WHERE j.id=entities.workflow_id AND {})"
        )
    },
)
NAMED = Listed("nen", _columns("project domain name description state"))
DESCRIPTION = Listed("de", _columns("id project domain name version"))
SIGNAL = Listed("s", _columns("id signal_id"))
_TAGS = (
    "EXISTS (SELECT 1 FROM execution_tags j WHERE j.execution_name=executions.execution_name AND {})"
    # Joined on the name only, across projects: flyteadmin's own leak (repositories/gormimpl/common.go).
)
EXECUTION = Listed(
    "e",
    _columns(
        "id created_at updated_at deleted_at execution_project execution_domain execution_name launch_plan_id workflow_id "
        "task_id phase closure spec started_at execution_created_at execution_updated_at duration abort_cause mode "
        "source_execution_id parent_node_execution_id cluster inputs_uri user_inputs_uri error_kind error_code user state "
        "launch_entity"
    ),
    {
        "l": Listed(
            "l",
            LAUNCH_PLAN.columns,
            link="EXISTS (SELECT 1 FROM entities j WHERE j.id=executions.launch_plan_id AND {})",
        ),
        "w": Listed(
            "w", WORKFLOW.columns, link="EXISTS (SELECT 1 FROM entities j WHERE j.id=executions.workflow_id AND {})"
        ),
        "t": Listed("t", TASK.columns, link="EXISTS (SELECT 1 FROM entities j WHERE j.id=executions.task_id AND {})"),
        "et": Listed("et", _columns("execution_project execution_domain execution_name key value"), link=_TAGS),
        "at": Listed("at", _columns("name"), link=_TAGS),
    },
)
_RUN = "execution_project execution_domain execution_name"


def _linked(table: str, own: str, pairs: str) -> str:
    """The condition that a row of another table belongs to one of `own`: ``other=own`` columns, the same where one is named."""
    sides = (pair.partition("=") for pair in pairs.split())
    equal = " AND ".join(f"j.{other}={own}.{mine or other}" for other, _, mine in sides)
    return f"EXISTS (SELECT 1 FROM {table} j WHERE {equal} AND {{}})"


NODE = Listed(
    "ne",
    _columns(
        f"id created_at updated_at deleted_at {_RUN} node_id phase input_uri started_at node_execution_created_at "
        "node_execution_updated_at duration parent_id parent_task_execution_id error_kind error_code cache_status "
        "dynamic_workflow_remote_closure_reference"
    ),
    {"e": Listed("e", EXECUTION.columns, link=_linked("executions", "node_executions", _RUN))},
)
TASK_EXECUTION = Listed(
    "te",
    _columns(
        f"id created_at updated_at deleted_at project domain name version {_RUN} node_id retry_attempt phase phase_version "
        "input_uri started_at task_execution_created_at task_execution_updated_at duration"
    ),
    {
        "e": Listed("e", EXECUTION.columns, link=_linked("executions", "task_executions", _RUN)),
        "ne": Listed("ne", NODE.columns, link=_linked("node_executions", "task_executions", f"{_RUN} node_id")),
        "t": Listed(
            "t",
            TASK.columns,
            link=_linked(
                f"(SELECT * FROM entities WHERE resource_type={identifier_pb2.TASK})",
                "task_executions",
                "project domain name version",
            ),
        ),
    },
)


class Query:
    """One list request, checked.

    Args:
        listed: What is listed.
        filters: The request's filter text.
        sort_by: Its `admin.Sort`; an unset key means insertion order.
        limit: Rows of a page.
        token: Decimal offset, or empty.
    """

    def __init__(self, listed: Listed, *, filters: str = "", sort_by: Any = None, limit: int, token: str = "") -> None:
        if limit <= 0:
            raise Rejected("INVALID_ARGUMENT", "invalid value for limit")
        if token and not (token.isdecimal() and int(token) < 1 << 63):  # a Go int
            raise Rejected("INVALID_ARGUMENT", f"invalid token value: {token}")
        self._listed = listed
        self._limit = limit
        self._offset = int(token or 0)
        self._order = _order(listed, sort_by)
        self._where: list[str] = []
        self._arguments: list[Any] = []
        self.fields: set[str] = set()
        """Fields of the listed entity itself that the request filters on."""
        if filters:
            self._parse(filters)

    def require(self, condition: str, *arguments: Any) -> None:
        """Adds a condition of the server's own."""
        self._where.append(condition)
        self._arguments.extend(arguments)

    def page(self, database: Pages[P_co], select: str, condition: str, arguments: Sequence[Any]) -> P_co:
        """Runs the query, with one more condition of the caller."""
        return database.page(
            f"{select} WHERE " + " AND ".join([condition, *self._where]),
            [*arguments, *self._arguments],
            order=self._order,
            limit=self._limit,
            offset=self._offset,
        )

    def _parse(self, text: str) -> None:
        joined: dict[str, tuple[list[str], list[Any]]] = {}
        for expression in text.split("+"):
            match = _EXPRESSION.fullmatch(expression)
            if match is None:
                raise Rejected("INVALID_ARGUMENT", "invalid value for filters")
            function, name, value = match.groups()
            entity, column = self._resolve(name)
            condition, arguments = _condition(function, column, value.split(";"))
            if entity is self._listed:
                self.fields.add(column)
                self.require(condition, *arguments)
            else:
                conditions, values = joined.setdefault(entity.link, ([], []))
                conditions.append(f"j.{condition}")
                values.extend(arguments)
        for link, (conditions, values) in joined.items():
            self.require(link.format(" AND ".join(conditions)), *values)

    def _resolve(self, name: str) -> tuple[Listed, str]:
        prefix, dot, column = name.partition(".")
        short = _PREFIXES.get(prefix) if dot else None
        if short is None or short == self._listed.short:
            entity, column = self._listed, column if short else name
        elif short in self._listed.joins:
            entity = self._listed.joins[short]
        else:
            raise Rejected("INVALID_ARGUMENT", f"'{short}' entity is not allowed in filters")
        if column not in entity.columns:
            raise Rejected("INVALID_ARGUMENT", f"'{entity.short}.{column}' is invalid filter")
        if entity.short == "te" and column in ("project", "domain", "name"):
            column = f"execution_{column}"  # customizeField there: those of the task cannot be asked for
        if entity.short == "at":
            column = "key"  # the admin_tag table became execution_tags (flyteadmin pkg/common/filters.go)
        return entity, column


def _order(listed: Listed, sort_by: Any) -> str:
    if sort_by is None or not sort_by.key:
        return "rowid ASC"
    if sort_by.key not in listed.columns:
        raise Rejected("INVALID_ARGUMENT", f"invalid sort key '{sort_by.key}'")
    direction = "ASC" if sort_by.direction == common_pb2.Sort.ASCENDING else "DESC"
    return f"{sort_by.key} {direction}, rowid {direction}"


def _condition(function: str, column: str, values: list[str]) -> tuple[str, list[Any]]:
    if function in ("value_in", "value_not_in"):
        negation = "NOT " if function == "value_not_in" else ""
        marks = ",".join("?" * len(values))
        return f"{column} {negation}IN ({marks})", [_typed(column, value) for value in values]
    value = ";".join(values)
    if function == "contains":
        return f"{column} LIKE ?", [f"%{value}%"]
    if function == "not_like":
        return f"{column} NOT LIKE ?", [value]
    if function not in _OPERATORS:
        raise Rejected("INVALID_ARGUMENT", f"unrecognized filter function: {function}")
    return f"{column} {_OPERATORS[function]} ?", [_typed(column, value)]


def _typed(column: str, value: str) -> Any:
    """The value as the store holds it: times normalised, durations in seconds, numbers where the column is numeric."""
    if column in _TIMES:
        return parse_text(value) or value
    if column == "duration":
        return _duration(value)
    return value  # SQLite compares a text with an INTEGER column numerically (column affinity)


_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def _duration(text: str) -> float:
    """Seconds, or a Go duration like ``1m30s``."""
    try:
        return float(text)
    except ValueError:
        parts = re.findall(r"([0-9.]+)(h|ms|us|µs|ns|m|s)", text)
        if not parts or "".join(number + unit for number, unit in parts) != text.lstrip("+-"):
            raise Rejected("INVALID_ARGUMENT", f"Failed to parse duration [{text}]") from None
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
