"""Drive Flyte runs from other orchestrators: register, launch, wait, fetch outputs, abort.

Import names from here; submodules are private. Nothing heavy is imported until it is used (PEP 562): parsing a DAG or
loading definitions opens nothing and imports no grpc.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .async_client import AsyncClient
    from .client import Client
    from .config import Config
    from .entities import Entity, InputSpec
    from .errors import (
        AlreadyExists,
        AuthError,
        BridgeError,
        ConfigError,
        DeadlineExceeded,
        EntityNotFound,
        InvalidRequest,
        LimitExceeded,
        LiteralError,
        NotFound,
        PermissionDenied,
        RunAborted,
        RunEnded,
        RunFailed,
        RunNotFound,
        RunTimedOut,
        Unauthenticated,
        Unavailable,
        Unsupported,
        WaitTimeout,
    )
    from .ids import EntityKind, EntityRef, RunRef, run_name
    from .literals import Codec
    from .nodes import Attempt, LogLink, NodeSnapshot, SpanMetric
    from .outputs import RunOutputs
    from .policies import PollPolicy, RetryPolicy
    from .references import DirectoryRef, FileRef, FrameRef
    from .run_settings import Notification, SecurityContext
    from .runs import Launched, LaunchRequest, RunError, RunOptions, RunPhase, RunQuery, RunSnapshot
    from .schedules import Cron, DeployedTrigger, FixedRate, Trigger, TriggerTime

__all__ = [
    "AlreadyExists",
    "AsyncClient",
    "Attempt",
    "AuthError",
    "BridgeError",
    "Client",
    "Codec",
    "Config",
    "ConfigError",
    "Cron",
    "DeadlineExceeded",
    "DeployedTrigger",
    "DirectoryRef",
    "Entity",
    "EntityKind",
    "EntityNotFound",
    "EntityRef",
    "FileRef",
    "FixedRate",
    "FrameRef",
    "InputSpec",
    "InvalidRequest",
    "LaunchRequest",
    "Launched",
    "LimitExceeded",
    "LiteralError",
    "LogLink",
    "NodeSnapshot",
    "NotFound",
    "Notification",
    "PermissionDenied",
    "PollPolicy",
    "RetryPolicy",
    "RunAborted",
    "RunEnded",
    "RunError",
    "RunFailed",
    "RunNotFound",
    "RunOptions",
    "RunOutputs",
    "RunPhase",
    "RunQuery",
    "RunRef",
    "RunSnapshot",
    "RunTimedOut",
    "SecurityContext",
    "SpanMetric",
    "Trigger",
    "TriggerTime",
    "Unauthenticated",
    "Unavailable",
    "Unsupported",
    "WaitTimeout",
    "run_name",
]

_HOMES = {
    "async_client": ("AsyncClient",),
    "client": ("Client",),
    "config": ("Config",),
    "entities": ("Entity", "InputSpec"),
    "ids": ("EntityKind", "EntityRef", "RunRef", "run_name"),
    "literals": ("Codec",),
    "nodes": ("Attempt", "LogLink", "NodeSnapshot", "SpanMetric"),
    "outputs": ("RunOutputs",),
    "policies": ("PollPolicy", "RetryPolicy"),
    "references": ("DirectoryRef", "FileRef", "FrameRef"),
    "run_settings": ("Notification", "SecurityContext"),
    "runs": (
        "LaunchRequest",
        "Launched",
        "RunError",
        "RunOptions",
        "RunPhase",
        "RunQuery",
        "RunSnapshot",
    ),
    "schedules": ("Cron", "DeployedTrigger", "FixedRate", "Trigger", "TriggerTime"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Imports a public name on first use. Names without another home are errors."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOME.get(name, 'errors')}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Public names, imported or not."""
    return __all__
