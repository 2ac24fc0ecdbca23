"""FlyteAdmin's filters, written from a `RunQuery`.

The grammar (flyteadmin impl/util/filters.go) has no escaping: ``fn(column,value)`` joined by ``+``, list values joined by
``;``. A ``+`` in a value would end the expression, hence times are written with ``Z``; what cannot be written is refused.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ...model.errors import InvalidRequest
from .convert import phase_of

if TYPE_CHECKING:
    from ...model.run_query import RunQuery

__all__ = ["run_filters", "until"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RESERVED = frozenset("+;(),")
_WIRE_PHASES = ("UNDEFINED", "QUEUED", "RUNNING", "SUCCEEDING", "SUCCEEDED", "FAILING", "FAILED", "ABORTED",
                "TIMED_OUT", "ABORTING")  # fmt: skip
_OPERATORS = ("eq", "ne", "gt", "gte", "lt", "lte", "contains", "value_in", "value_not_in", "not_like")
_LISTS = ("value_in", "value_not_in")


def run_filters(query: RunQuery) -> str:
    """The filter expression of a query. Columns are those of FlyteAdmin's allow-list (models/execution.go)."""
    parts: list[str] = []
    if query.phases:
        wanted = [name for number, name in enumerate(_WIRE_PHASES) if phase_of(number) in query.phases]
        if not wanted:
            raise InvalidRequest(f"no run of Flyte 1 is ever in phase {', '.join(p.value for p in query.phases)}")
        parts.append(f"value_in(phase,{';'.join(wanted)})")
    if query.entity is not None:
        parts.append(f"eq(launch_plan.name,{_value('entity', query.entity)})")
    if query.name_contains is not None:
        parts.append(f"contains(execution_name,{_value('name_contains', query.name_contains)})")
    if query.created_after is not None:
        parts.append(f"gte(execution_created_at,{_value('created_after', query.created_after)})")
    if query.created_before is not None:
        parts.append(f"lt(execution_created_at,{_value('created_before', query.created_before)})")
    if query.labels:
        # One is for the server, the others for `lists.py`: two conditions on labels would be about one row, and match nothing.
        # Long values are digests, which few runs share.
        key, value = max(query.labels.items(), key=lambda item: len(item[1]))
        parts.append(f"eq(execution_tag.key,{_value('labels', key)})")
        parts.append(f"eq(execution_tag.value,{_value('labels', value)})")
    if query.archived is not None:
        parts.append(f"eq(state,{int(query.archived)})")
    parts += [_condition(*item) for item in query.where]
    return "+".join(parts)


def column_of(name: str) -> str:
    """FlyteAdmin's column for a name that is the same for both Flytes; other names as they are.

    Rows have another ``created_at``, of some milliseconds later; and a run that has ended was updated last when it did.
    """
    return {"created_at": "execution_created_at", "ended_at": "execution_updated_at"}.get(name, name)


def until(stamp: Any, query: RunQuery) -> str:
    """The condition of runs that come from this time on, in the order of a query sorted by time. Those of that time included.

    Args:
        stamp: ``Timestamp`` of a run. The database has its microsecond.
        query: Says in which direction.
    """
    when = _EPOCH + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000)
    if query.newest_first:
        return f"lte(execution_created_at,{_time('created_at', when + timedelta(microseconds=1))})"
    return f"gte(execution_created_at,{_time('created_at', when)})"


def _condition(column: str, operator: str, value: Any) -> str:
    where = f"where=({column}, {operator}, …)"
    if operator not in _OPERATORS:
        raise InvalidRequest(f"list_runs({where}): no such operator; Flyte 1 has {', '.join(_OPERATORS)}")
    items = value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
    if not items or (len(items) > 1 and operator not in _LISTS):
        raise InvalidRequest(
            f"list_runs({where}={value!r}): {operator} takes {'some values' if operator in _LISTS else 'one value'}"
        )
    return f"{operator}({_value(where, column_of(column))},{';'.join(_value(where, item) for item in items)})"


def _value(where: str, value: Any) -> str:
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, datetime):
        return _time(where, value)
    if isinstance(value, timedelta):
        return f"{value // timedelta(microseconds=1)}us"  # as Go reads durations
    if isinstance(value, int | float):
        return f"{value!r}"
    text = str(value)
    bad = sorted(_RESERVED & set(text))
    if bad or not text:
        raise InvalidRequest(
            f"list_runs({where}={text!r}): FlyteAdmin's filters have no escaping, so a value must not be empty or contain "
            f"{' '.join(sorted(_RESERVED))}; filter the snapshots yourself instead"
        )
    return text


def _time(where: str, when: datetime) -> str:
    if when.tzinfo is None:
        raise InvalidRequest(
            f"list_runs({where}={when!r}): a datetime with a zone is wanted, for instance datetime.now(UTC)"
        )
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z")
