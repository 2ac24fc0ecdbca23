"""A `ListRequest` as SQL, with what the backend takes, refuses and trips over (``runs/repository/impl/{requests,filters}.go``).

Its filters are typed by PostgreSQL: some values that make no sense fail in the database, with INTERNAL, and clients meet that.
SQLite would take them, so they are looked for here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ...model.status import Rejected
from ...model.times import parse_text

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Columns", "Listing", "listing"]

_DEFAULT_LIMIT, _LIMIT = 50, 200
_COMPARED = {0: "=", 1: "<>", 2: ">", 3: ">=", 4: "<", 5: "<="}
_LIKE = {6: ("LIKE", "%{}%"), 12: ("LIKE", "%{}"), 13: ("NOT LIKE", "%{}"), 14: ("ILIKE", "%{}%")}
_IN = 7
_WORDS = {"now": 0, "today": 0, "yesterday": -1, "tomorrow": 1, "epoch": None}
"""What PostgreSQL takes for a time, in days from today."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What may be filtered and sorted on in one list."""

    names: Mapping[str, str]
    """Field to column."""
    integers: frozenset[str] = frozenset()
    times: frozenset[str] = frozenset()
    booleans: frozenset[str] = frozenset()
    default_order: str = "created_at DESC"

    @classmethod
    def named(
        cls, names: str, *, integers: str = "", times: str = "", booleans: str = "", default_order: str
    ) -> Columns:
        """Columns that are called like their fields; names with blanks between them."""
        kinds = {"integers": integers, "times": times, "booleans": booleans}
        sets = {kind: frozenset(text.split()) for kind, text in kinds.items()}
        return cls({name: name for name in names.split()}, **sets, default_order=default_order)


@dataclass(frozen=True, slots=True)
class Listing:
    """What a request asks for."""

    conditions: tuple[str, ...]
    arguments: tuple[Any, ...]
    order: str
    limit: int
    offset: int

    def where(self, *conditions: str) -> str:
        """All conditions, as a WHERE clause."""
        return " AND ".join((*conditions, *self.conditions)) or "1"

    @property
    def page(self) -> str:
        """ORDER BY, LIMIT and OFFSET."""
        return f"ORDER BY {self.order} LIMIT {self.limit:d} OFFSET {self.offset:d}"

    def token(self, got: int, *, more: bool | None = None) -> str:
        """The next page's token.

        Args:
            got: How many rows this page has.
            more: Whether there is one; None where a full page counts as a sign.
        """
        another = got == self.limit if more is None else more
        return str(self.offset + self.limit) if another else ""


def listing(request: Any, columns: Columns, what: str, *, before: int = 0) -> Listing:
    """Reads a request.

    Args:
        request: The ListRequest.
        columns: Of what is listed.
        what: ``"tasks"``, for what the database says.
        before: How many arguments its statement has already, for the same.

    Raises:
        Rejected: INVALID_ARGUMENT, or INTERNAL where the backend's database fails.
    """
    limit = request.limit or _DEFAULT_LIMIT
    if limit > _LIMIT:
        raise Rejected("INVALID_ARGUMENT", f"invalid limit: {limit} (exceeds maximum of {_LIMIT})")
    if request.token and not request.token.isdecimal():
        raise Rejected("INVALID_ARGUMENT", f'invalid token: "{request.token}"')
    conditions: list[str] = []
    arguments: list[Any] = []
    for one in request.filters:
        condition, values = _condition(one, columns, what, before + len(arguments))
        conditions.append(condition)
        arguments += values
    sorts = request.sort_by_fields or ([request.sort_by] if request.HasField("sort_by") else [])
    order = ", ".join(_sort(one, columns) for one in sorts) or columns.default_order
    return Listing(tuple(conditions), tuple(arguments), order, limit, int(request.token or 0))


def _sort(sort: Any, columns: Columns) -> str:
    if sort.key not in columns.names:
        raise Rejected("INVALID_ARGUMENT", f"invalid sort field: {sort.key}")
    return f"{columns.names[sort.key]} {'ASC' if sort.direction else 'DESC'}"


def _condition(one: Any, columns: Columns, what: str, before: int) -> tuple[str, list[Any]]:
    kind = type(one).DESCRIPTOR.fields_by_name["function"].enum_type.values_by_number
    function = kind[one.function].name if one.function in kind else str(one.function)
    if one.function not in _COMPARED and one.function not in _LIKE and one.function != _IN:
        raise Rejected("INVALID_ARGUMENT", f"failed to convert filters: unsupported filter function: {function}")
    if one.field not in columns.names:
        raise Rejected("INVALID_ARGUMENT", f"failed to convert filters: invalid filter field: {one.field}")
    if not one.values:
        raise Rejected("INVALID_ARGUMENT", f"failed to convert filters: filter {one.field} has no values")
    column, values = columns.names[one.field], list(one.values)
    if one.function == _IN:
        if len(values) == 1:  # runs/repository/impl/filters.go:306: one value is handed on as a text
            kind_of = "_int4 (OID 1007)" if one.field in columns.integers else "_text (OID 1009)"
            encoded = f'pq.GenericArray{{A:"{values[0]}"}} into binary format for {kind_of}'
            _database(
                what,
                f"failed to encode args[{before}]: unable to encode {encoded}: pq: unable to convert string to array",
            )
        marks = ", ".join("?" * len(values))
        return f"{column} IN ({marks})", [_value(value, one.field, columns, what) for value in values]
    if len(values) > 1:
        shown = ", ".join(f'"{value}"' for value in values)
        encoded = f"[]string{{{shown}}} into text format for text (OID 25): cannot find encode plan"
        _database(what, f"failed to encode args[{before}]: unable to encode {encoded}")
    if one.function in _LIKE:
        operator, pattern = _LIKE[one.function]
        text = pattern.format(values[0])  # wildcards in it are not escaped there either
        if operator == "ILIKE":
            return f"lower({column}) LIKE ?", [text.lower()]
        return f"{column} {operator} ?", [text]
    return f"{column} {_COMPARED[one.function]} ?", [_value(values[0], one.field, columns, what)]


def _value(text: str, field: str, columns: Columns, what: str) -> Any:
    if field in columns.integers:
        if not re.fullmatch(r"\s*[-+]?\d+\s*", text):
            _database(what, f'ERROR: invalid input syntax for type integer: "{text}" (SQLSTATE 22P02)')
        return int(text)
    if field in columns.booleans:
        if text.lower() not in ("true", "false", "t", "f", "1", "0"):
            _database(what, f'ERROR: invalid input syntax for type boolean: "{text}" (SQLSTATE 22P02)')
        return text.lower() in ("true", "t", "1")
    if field in columns.times:
        found = _time(text)
        if found is None:
            _database(what, f'ERROR: invalid input syntax for type timestamp with time zone: "{text}" (SQLSTATE 22007)')
        return found
    return text


def _time(text: str) -> str | None:
    word = text.strip().lower()
    if word not in _WORDS:
        return parse_text(text)
    days = _WORDS[word]
    moment = datetime(1970, 1, 1, tzinfo=UTC) if days is None else datetime.now(UTC) + timedelta(days=days)
    if days is not None and word != "now":
        moment = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _database(what: str, text: str) -> None:
    raise Rejected("INTERNAL", f"failed to list {what}: {text}")
