"""Flyte 2's filters, written from a `RunQuery`. Phases are numbers there, and a list of values has two at least."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flyteidl2.common import list_pb2, phase_pb2

from ...model.errors import InvalidRequest, Unsupported
from .convert import phase_of

if TYPE_CHECKING:
    from ...model.run_query import RunQuery

__all__ = ["run_filters", "time_text"]

_F = list_pb2.Filter
_FUNCTIONS = {
    "eq": _F.EQUAL,
    "ne": _F.NOT_EQUAL,
    "gt": _F.GREATER_THAN,
    "gte": _F.GREATER_THAN_OR_EQUAL,
    "lt": _F.LESS_THAN,
    "lte": _F.LESS_THAN_OR_EQUAL,
    "contains": _F.CONTAINS,
    "value_in": _F.VALUE_IN,
}
"""What the open-source server takes of them (filters.go)."""


def run_filters(query: RunQuery) -> list[Any]:
    """The conditions of a query, all of which must hold. Labels are no part of them.

    Raises:
        Unsupported: What Flyte 2 cannot filter by.
        InvalidRequest: A value of the wrong kind.
    """
    out = []
    if query.archived:
        raise Unsupported("list_runs(archived=True): Flyte 2 does not archive runs")
    if query.phases:
        numbers = [number for number in phase_pb2.ActionPhase.values() if phase_of(number) in query.phases]
        if not numbers:
            raise InvalidRequest(f"no run of Flyte 2 is ever in phase {', '.join(p.value for p in query.phases)}")
        out.append(_one_of("phase", [str(number) for number in numbers]))
    if query.entity is not None:
        out.append(_F(function=_F.EQUAL, field="task_name", values=[query.entity]))
    if query.name_contains is not None:
        escaped = query.name_contains
        if "%" in escaped or "_" in escaped:
            raise InvalidRequest(
                f"list_runs(name_contains={escaped!r}): names of runs have neither % nor _, which Flyte 2 would take for any text"
            )
        out.append(_F(function=_F.CONTAINS, field="run_name", values=[escaped]))
    if query.created_after is not None:
        out.append(_condition("created_at", "gte", query.created_after))
    if query.created_before is not None:
        out.append(_condition("created_at", "lt", query.created_before))
    return out + [_condition(*item) for item in query.where]


_COLUMNS = {"task.name": "task_name", "task.version": "task_version", "launch_plan.version": "task_version"}
"""What Flyte 1 calls another column: a query that asks for a version of an entity, or for a task, means the same on both."""


def _condition(column: str, operator: str, value: Any) -> Any:
    where = f"where=({column}, {operator}, …)"
    column = _COLUMNS.get(column, column)
    if operator not in _FUNCTIONS:
        raise InvalidRequest(f"list_runs({where}): no such operator; Flyte 2 has {', '.join(_FUNCTIONS)}")
    items = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    if not items or (len(items) > 1 and operator != "value_in"):
        raise InvalidRequest(f"list_runs({where}={value!r}): {operator} takes one value, value_in takes some")
    texts = [_text(column, item) for item in items]
    return (
        _one_of(column, texts)
        if operator == "value_in"
        else _F(function=_FUNCTIONS[operator], field=column, values=texts)
    )


def _one_of(column: str, values: list[str]) -> Any:
    if len(values) == 1:  # one value of VALUE_IN is an INTERNAL error of the server
        return _F(function=_F.EQUAL, field=column, values=values)
    return _F(function=_F.VALUE_IN, field=column, values=values)


def _text(column: str, value: Any) -> str:
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, datetime):
        return time_text(column, value)
    if isinstance(value, timedelta):
        return str(value // timedelta(milliseconds=1))
    return str(value)


def time_text(where: str, moment: datetime) -> str:
    """As the server's database reads it."""
    if moment.tzinfo is None:
        raise InvalidRequest(f"list_runs({where}={moment!r}): a datetime with a zone is wanted, as datetime.now(UTC)")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
