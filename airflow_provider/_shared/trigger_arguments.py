"""What Airflow stores of a trigger: only what differs from the default, so that an older release takes it over.

Arguments are added with the default None. An older triggerer refuses what it does not know, even when it says nothing: Airflow
fails that wait, and on SQLite, which gives a row's id to the next one, the next wait is never begun (3.3.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["stored"]


def stored(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Those that are given."""
    return {name: value for name, value in arguments.items() if value is not None}
