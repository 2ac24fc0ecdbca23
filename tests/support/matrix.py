"""Rows of a matrix that show nothing of their own kind: `make test` leaves them to `make test-full`."""

from __future__ import annotations

from typing import Any

import pytest


def rows(*values: Any) -> list[Any]:
    """Parameters (a tuple for several at once) that only `make test-full` runs."""
    return [
        pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=pytest.mark.matrix) for value in values
    ]
