"""Dagster jobs as Flyte tasks: the connector, and what makes one of it in a service where Dagster is configured."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .dagster import DagsterJobConnector

__all__ = ["installed"]


def installed() -> DagsterJobConnector | None:
    """The connector, where ``FLYTE_BRIDGE_DAGSTER_URL`` says which Dagster; the entry point of ``flyte_bridge.connectors``."""
    if not os.environ.get("FLYTE_BRIDGE_DAGSTER_URL"):
        return None
    from .dagster import DagsterJobConnector

    return DagsterJobConnector()
