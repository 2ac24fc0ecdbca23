"""Connectors: Flyte tasks that run elsewhere, as Airflow DAGs, Dagster jobs, or whatever a team writes.

A connector says how a job is created, asked for and deleted; the service here speaks Flyte's protocol for it, without a Flyte
SDK. Importing this room imports nothing of the wire; submodules load on use (PEP 562).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .base import AsyncConnector, SyncConnector
    from .errors import ConnectorNotFound, JobNotFound, JobStillRunning
    from .execution import Identity, NodeExecutionId, TaskExecutionId, TaskExecutionMetadata
    from .loading import load_connectors
    from .local import run_connector_task
    from .masks import connector_secret
    from .once import create_once, create_once_blocking, job_key
    from .phases import TaskPhase
    from .plain import plain_data
    from .registry import ConnectorMetadata, ConnectorRegistry
    from .server import ConnectorServer
    from .task import TaskContainer, TaskInputs, TaskTemplate, render_task_template
    from .tls import ServerTls
    from .values import JobLog, LogLine, LogToken, Resource, ResourceMeta, TaskCategory

__all__ = [
    "AsyncConnector",
    "ConnectorMetadata",
    "ConnectorNotFound",
    "ConnectorRegistry",
    "ConnectorServer",
    "Identity",
    "JobLog",
    "JobNotFound",
    "JobStillRunning",
    "LogLine",
    "LogToken",
    "NodeExecutionId",
    "Resource",
    "ResourceMeta",
    "ServerTls",
    "SyncConnector",
    "TaskCategory",
    "TaskContainer",
    "TaskExecutionId",
    "TaskExecutionMetadata",
    "TaskInputs",
    "TaskPhase",
    "TaskTemplate",
    "connector_secret",
    "create_once",
    "create_once_blocking",
    "job_key",
    "load_connectors",
    "plain_data",
    "render_task_template",
    "run_connector_task",
]

_HOMES = {
    "AsyncConnector": "base",
    "ConnectorMetadata": "registry",
    "ConnectorNotFound": "errors",
    "ConnectorRegistry": "registry",
    "ConnectorServer": "server",
    "Identity": "execution",
    "JobLog": "values",
    "JobNotFound": "errors",
    "JobStillRunning": "errors",
    "LogLine": "values",
    "LogToken": "values",
    "NodeExecutionId": "execution",
    "Resource": "values",
    "ResourceMeta": "values",
    "ServerTls": "tls",
    "SyncConnector": "base",
    "TaskCategory": "values",
    "TaskContainer": "task",
    "TaskExecutionId": "execution",
    "TaskExecutionMetadata": "execution",
    "TaskInputs": "task",
    "TaskPhase": "phases",
    "TaskTemplate": "task",
    "connector_secret": "masks",
    "create_once": "once",
    "create_once_blocking": "once",
    "job_key": "once",
    "load_connectors": "loading",
    "plain_data": "plain",
    "render_task_template": "task",
    "run_connector_task": "local",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
