"""Lets the sweeper begin with the triggerer. Loaded by every component of Airflow and by every task, so it imports nothing."""

from __future__ import annotations

from typing import Any

from airflow.listeners import hookimpl

__all__ = ["on_starting"]


@hookimpl  # type: ignore[untyped-decorator, unused-ignore]
def on_starting(component: Any) -> None:
    """Airflow calls it when one of its components starts."""
    if type(component).__name__ == "Job":
        from ._sweeper import start_with

        start_with(component)
