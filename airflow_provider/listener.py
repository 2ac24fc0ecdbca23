"""Lets the sweeper begin with the triggerer, and notes which ends of runs were reported.

Loaded by every component of Airflow and by every task, so it imports nothing.
"""

from __future__ import annotations

from typing import Any

from airflow.listeners import hookimpl

__all__ = ["on_asset_changed", "on_asset_event_emitted", "on_starting"]


@hookimpl  # type: ignore[untyped-decorator, unused-ignore]
def on_starting(component: Any) -> None:
    """Airflow calls it when one of its components starts."""
    if type(component).__name__ == "Job":
        from ._sweep.sweeper import start_with

        start_with(component)


@hookimpl  # type: ignore[untyped-decorator, unused-ignore]
def on_asset_changed(asset: Any) -> None:
    """Airflow calls it while it stores an event of an asset."""
    from ._triggerer.watch_store import queue_again

    queue_again(asset)


@hookimpl  # type: ignore[untyped-decorator, unused-ignore]
def on_asset_event_emitted(asset_event: Any) -> None:
    """The same, with the event; since Airflow 3.2."""
    if isinstance(asset_event.extra, dict) and asset_event.extra.get("from_trigger"):
        from ._triggerer.watch_store import remember_reported

        remember_reported(asset_event.asset, asset_event.extra)
