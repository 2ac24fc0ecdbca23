"""XComs as Airflow's API gives them: plain data, and what Airflow wraps because JSON has no such value."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

__all__ = ["decoded"]

_LISTS = frozenset({"builtins.tuple", "builtins.set", "builtins.frozenset"})
_TIMES = frozenset({"datetime.datetime", "pendulum.datetime.DateTime"})


def decoded(value: Any) -> Any:
    """Plain Python; a wrapped value of another kind stays as it is, and fits no type of Flyte but a structure."""
    if isinstance(value, list):
        return [decoded(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind, data = value.get("__classname__"), value.get("__data__")
    if kind in _LISTS and isinstance(data, list):
        return [decoded(item) for item in data]
    if kind in _TIMES and isinstance(data, dict) and "timestamp" in data:
        return datetime.fromtimestamp(data["timestamp"], UTC)
    return {key: decoded(item) for key, item in value.items()}
