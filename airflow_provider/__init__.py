"""Flyte for Apache Airflow. Airflow finds the provider through `get_provider_info`, so this file imports nothing heavy."""

from __future__ import annotations

from ._info import get_provider_info

__all__ = ["get_provider_info"]
