"""Airflow DAGs as Flyte tasks: the connector, and what makes one of it in a service where Airflow is configured."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .airflow import AirflowDagConnector

__all__ = ["installed"]


def installed() -> AirflowDagConnector | None:
    """The connector, where ``FLYTE_BRIDGE_AIRFLOW_URL`` says which Airflow; the entry point of ``flyte_bridge.connectors``."""
    if not os.environ.get("FLYTE_BRIDGE_AIRFLOW_URL"):
        return None
    from .airflow import AirflowDagConnector

    return AirflowDagConnector()
