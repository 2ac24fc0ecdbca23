"""`ConnectorTask`: a task that a connector runs, without a Flyte SDK. Inert; `registration/connectors.py` writes it down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from .durations import seconds
from .public import public
from .task_checks import check_counts, check_texts, check_variables

__all__ = ["ConnectorTask"]


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorTask:
    """A task that runs elsewhere: an Airflow DAG, a Dagster job, what a connector of yours does.

    Example:
        >>> task = ConnectorTask(
        ...     name="etl.nightly",
        ...     task_type="airflow_dag",
        ...     custom={"dag_id": "nightly"},
        ...     inputs={"day": str},
        ...     outputs={"rows": int},
        ...     timeout=3600,
        ... )
    """

    name: str
    """Fully qualified, as all names in Flyte are."""
    task_type: str
    """Which connector: what Flyte's configuration routes to a connector service."""
    task_type_version: int = 0
    custom: Mapping[str, Any] = field(default_factory=dict)
    """Settings for the connector, plain data. Registered, and readable by all: no secrets."""
    config: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """Name -> type: what `literal_type` takes."""
    outputs: Mapping[str, Any] = field(default_factory=dict)
    """Name -> type."""
    retries: int = 0
    """After failures of its own."""
    timeout: float | timedelta | None = None
    """Seconds for each attempt; Flyte has the job deleted then."""
    cache: str = ""
    """A cache version; empty: outputs are not cached."""
    description: str = ""
    project: str | None = None
    """None: where it is registered."""
    domain: str | None = None
    version: str | None = None
    """None: the registration's."""

    def __post_init__(self) -> None:
        check_texts(self, "name", "task_type")
        check_variables(self)
        check_counts(self, "retries", "task_type_version")
        object.__setattr__(self, "timeout", seconds(self.timeout, f"task {self.name!r}: timeout", positive=True))
