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
    from .contracts.interfaces import InterfaceSnapshot
    from .diagnosis.explanation import Explanation
    from .diagnosis.kinds import FailureKind
    from .diagnosis.waits import Wait
    from .files import AsyncFileAccess, FileAccess
    from .literals import Codec, Hashed, TypeCodec
    from .literals.outputs import RunOutputs
    from .literals.python_types import literal_type, python_type
    from .model.batches import BatchRun
    from .model.capabilities import Capabilities
    from .model.classification import Classification, ErrorClass, ErrorRule, NextTry, classify
    from .model.connector_tasks import ConnectorTask
    from .model.durations import seconds
    from .model.entities import Entity, InputSpec, TaskSpec
    from .model.errors import (
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
        RunNotFound,
        SecretNotFound,
        Unauthenticated,
        Unavailable,
        Unsupported,
    )
    from .model.graph import WorkflowGraph, WorkflowNode
    from .model.ids import EntityKind, EntityRef, RunRef
    from .model.launch_preview import LaunchPlanPreview, PlannedInput, PlannedOption
    from .model.native_tasks import ContainerTask, ShellTask
    from .model.nodes import Attempt, LogLine, LogLink, NodeSnapshot, SpanMetric
    from .model.phases import RunPhase
    from .model.pod_template import PodTemplate
    from .model.poll_policy import PollPolicy
    from .model.projects import Project
    from .model.provenance import Provenance
    from .model.references import DirectoryRef, FileRef, FrameRef
    from .model.registration import RegisteredEntity, RegisterRequest, RegistrationProgress, RegistrationReport
    from .model.requests import LaunchRequest
    from .model.resources import Device, Resources
    from .model.retry_policy import RetryPolicy, may_pass
    from .model.run_errors import AlreadyExists, WaitTimeout
    from .model.run_failure import RunError
    from .model.run_names import run_name
    from .model.run_options import RunOptions
    from .model.run_query import RunQuery
    from .model.run_settings import Notification, SecurityContext
    from .model.runs import Launched, RunAborted, RunEnded, RunFailed, RunSnapshot, RunTimedOut
    from .registration.launch_plan import LaunchPlan
    from .schedules import Cron, DeployedTrigger, FixedRate, Trigger, TriggerTime
    from .secrets import SecretStore
    from .storage.checkpoint import Checkpoint
    from .storage.progress import Progress
    from .telemetry import trace_variables

__version__: str

__all__ = [
    "AlreadyExists",
    "AsyncClient",
    "AsyncFileAccess",
    "Attempt",
    "AuthError",
    "BatchRun",
    "BridgeError",
    "Capabilities",
    "Checkpoint",
    "Classification",
    "Client",
    "Codec",
    "Config",
    "ConfigError",
    "ConnectorTask",
    "ContainerTask",
    "Cron",
    "DeadlineExceeded",
    "DeployedTrigger",
    "Device",
    "DirectoryRef",
    "Entity",
    "EntityKind",
    "EntityNotFound",
    "EntityRef",
    "ErrorClass",
    "ErrorRule",
    "Explanation",
    "FailureKind",
    "FileAccess",
    "FileRef",
    "FixedRate",
    "FrameRef",
    "Hashed",
    "InputSpec",
    "InterfaceSnapshot",
    "InvalidRequest",
    "LaunchPlan",
    "LaunchPlanPreview",
    "LaunchRequest",
    "Launched",
    "LimitExceeded",
    "LiteralError",
    "LogLine",
    "LogLink",
    "NextTry",
    "NodeSnapshot",
    "NotFound",
    "Notification",
    "PermissionDenied",
    "PlannedInput",
    "PlannedOption",
    "PodTemplate",
    "PollPolicy",
    "Progress",
    "Project",
    "Provenance",
    "RegisterRequest",
    "RegisteredEntity",
    "RegistrationProgress",
    "RegistrationReport",
    "Resources",
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
    "SecretNotFound",
    "SecretStore",
    "SecurityContext",
    "ShellTask",
    "SpanMetric",
    "TaskSpec",
    "Trigger",
    "TriggerTime",
    "TypeCodec",
    "Unauthenticated",
    "Unavailable",
    "Unsupported",
    "Wait",
    "WaitTimeout",
    "WorkflowGraph",
    "WorkflowNode",
    "classify",
    "literal_type",
    "may_pass",
    "python_type",
    "run_name",
    "seconds",
    "trace_variables",
]

_HOMES = {
    "async_client": ("AsyncClient",),
    "client": ("Client",),
    "config": ("Config",),
    "contracts.interfaces": ("InterfaceSnapshot",),
    "diagnosis.explanation": ("Explanation",),
    "diagnosis.kinds": ("FailureKind",),
    "diagnosis.waits": ("Wait",),
    "files": ("AsyncFileAccess", "FileAccess"),
    "literals": ("Codec", "Hashed", "TypeCodec"),
    "literals.outputs": ("RunOutputs",),
    "model.batches": ("BatchRun",),
    "model.capabilities": ("Capabilities",),
    "model.classification": ("Classification", "ErrorClass", "ErrorRule", "NextTry", "classify"),
    "model.durations": ("seconds",),
    "model.entities": ("Entity", "InputSpec", "TaskSpec"),
    "model.graph": ("WorkflowGraph", "WorkflowNode"),
    "model.launch_preview": ("LaunchPlanPreview", "PlannedInput", "PlannedOption"),
    "model.ids": ("EntityKind", "EntityRef", "RunRef"),
    "model.connector_tasks": ("ConnectorTask",),
    "model.native_tasks": ("ContainerTask", "ShellTask"),
    "model.resources": ("Device", "Resources"),
    "literals.python_types": ("literal_type", "python_type"),
    "model.nodes": ("Attempt", "LogLine", "LogLink", "NodeSnapshot", "SpanMetric"),
    "model.pod_template": ("PodTemplate",),
    "model.poll_policy": ("PollPolicy",),
    "model.retry_policy": ("RetryPolicy", "may_pass"),
    "model.projects": ("Project",),
    "model.provenance": ("Provenance",),
    "model.registration": ("RegisterRequest", "RegisteredEntity", "RegistrationProgress", "RegistrationReport"),
    "model.references": ("DirectoryRef", "FileRef", "FrameRef"),
    "model.requests": ("LaunchRequest",),
    "model.run_options": ("RunOptions",),
    "model.run_settings": ("Notification", "SecurityContext"),
    "model.phases": ("RunPhase",),
    "model.run_failure": ("RunError",),
    "model.run_names": ("run_name",),
    "model.run_errors": ("AlreadyExists", "WaitTimeout"),
    "model.run_query": ("RunQuery",),
    "model.runs": ("Launched", "RunAborted", "RunEnded", "RunFailed", "RunSnapshot", "RunTimedOut"),
    "registration.launch_plan": ("LaunchPlan",),
    "secrets": ("SecretStore",),
    "storage.checkpoint": ("Checkpoint",),
    "storage.progress": ("Progress",),
    "telemetry": ("trace_variables",),
    "schedules": ("Cron", "DeployedTrigger", "FixedRate", "Trigger", "TriggerTime"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Imports a public name on first use. Names without another home are errors."""
    if name == "__version__":
        from importlib.metadata import version

        return version("flyte-bridge")  # from pyproject.toml, read when somebody asks
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOME.get(name, 'model.errors')}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Public names, imported or not."""
    return __all__
