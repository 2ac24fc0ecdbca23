"""What PostgreSQL makes of the values of filters: FlyteAdmin hands them on as texts, and its columns have types.

A text that is no number for a column of numbers is not "nothing found": it fails, and FlyteAdmin answers UNKNOWN with the
words of the database (``repositories/errors/postgres.go``).
"""

from __future__ import annotations

import re
from typing import Any

from ..model.status import Rejected
from ..model.times import parse_text

__all__ = ["BIGINT", "DURATION", "INTEGER", "TEXT", "TIME", "Condition", "condition"]

TEXT, INTEGER, BIGINT, TIME = "text", "integer", "bigint", "timestamp with time zone"
DURATION = "duration"  # a bigint of nanoseconds there; seconds here

Condition = tuple[str, list[Any]]
_BITS = {INTEGER: 31, BIGINT: 63}
_OPERATORS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "eq": "=", "ne": "<>"}
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def condition(function: str, column: str, type_: str, texts: list[str]) -> Condition:
    """One filter as SQL.

    Args:
        function: ``eq``, ``value_in``, …
        column: As it is written in SQL.
        type_: Its type.
        texts: The values, split where the filter has semicolons.

    Raises:
        Rejected: INVALID_ARGUMENT for a function that does not exist, UNKNOWN for what PostgreSQL would not run.
    """
    if type_ == DURATION:
        texts = [repr(_duration(text)) for text in texts]
    if function in ("value_in", "value_not_in"):
        negation = "NOT " if function == "value_not_in" else ""
        return f"{column} {negation}IN ({','.join('?' * len(texts))})", [_typed(type_, text) for text in texts]
    if function in ("contains", "not_like"):
        if type_ != TEXT:
            raise _failed(
                f"operator does not exist: {_named(type_)} {'~~' if function == 'contains' else '!~~'} unknown"
            )
        text = texts[0] if len(texts) == 1 else f"[{' '.join(texts)}]"  # as Go prints a list
        return (f"{column} LIKE ?", [f"%{text}%"]) if function == "contains" else (f"{column} NOT LIKE ?", [text])
    if function not in _OPERATORS:
        raise Rejected("INVALID_ARGUMENT", f"unrecognized filter function: {function}")
    if len(texts) > 1:
        raise _failed(f"operator does not exist: {_named(type_)} {_OPERATORS[function]} record")
    return f"{column} {_OPERATORS[function]} ?", [_typed(type_, texts[0])]


def _typed(type_: str, text: str) -> Any:
    if type_ == TIME:
        moment = parse_text(text.strip())
        if moment is None:
            raise _failed(f'invalid input syntax for type {TIME}: "{text}"')
        return moment
    if type_ in _BITS:
        if not re.fullmatch(r"\s*[+-]?[0-9]+\s*", text, re.ASCII):
            raise _failed(f'invalid input syntax for type {type_}: "{text}"')
        if not -(1 << _BITS[type_]) <= int(text) < 1 << _BITS[type_]:
            raise _failed(f'value "{text}" is out of range for type {type_}')
        return int(text)
    return float(text) if type_ == DURATION else text


def _duration(text: str) -> float:
    """Seconds, or a Go duration like ``1m30s``."""
    try:
        return float(text)
    except ValueError:
        parts = re.findall(r"([0-9.]+)(h|ms|us|µs|ns|m|s)", text)
        if not parts or "".join(number + unit for number, unit in parts) != text.lstrip("+-"):
            raise Rejected("INVALID_ARGUMENT", f"Failed to parse duration [{text}]") from None
        try:
            return sum(float(number) * _UNITS[unit] for number, unit in parts)
        except ValueError:
            raise Rejected("INVALID_ARGUMENT", f"Failed to parse duration [{text}]") from None


def _named(type_: str) -> str:
    return BIGINT if type_ == DURATION else type_


def _failed(why: str) -> Rejected:
    return Rejected("UNKNOWN", f"failed database operation with {why}")
