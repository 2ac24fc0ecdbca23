"""What every task that is declared without an SDK is checked for."""

from __future__ import annotations

import re
from typing import Any

from .errors import InvalidRequest

__all__ = ["check_counts", "check_texts", "check_variables"]

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_texts(task: Any, *fields: str) -> None:
    """These are texts, and not empty.

    Raises:
        InvalidRequest: One is not.
    """
    for name in fields:
        value = getattr(task, name)
        if not isinstance(value, str) or not value:
            raise InvalidRequest(f"task {task.name!r}: {name} must be a text that is not empty, got {value!r}")


def check_variables(task: Any) -> None:
    """Inputs and outputs have names that templates can hold.

    Raises:
        InvalidRequest: One has not.
    """
    for name in ("inputs", "outputs"):
        for key in getattr(task, name):
            if not isinstance(key, str) or not _VARIABLE.fullmatch(key):
                raise InvalidRequest(
                    f"task {task.name!r}: {name} has {key!r}, which is no name; wanted letters, digits and _"
                )


def check_counts(task: Any, *fields: str) -> None:
    """These are whole numbers from 0 on.

    Raises:
        InvalidRequest: One is not.
    """
    for name in fields:
        value = getattr(task, name)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise InvalidRequest(f"task {task.name!r}: {name} must be a whole number from 0 on, got {value!r}")
