"""The table of Flyte 2's RPCs that we send: service, request, response.

Messages are imported when a method is used first. Every unary method may be sent twice: reads, updates to a given state,
deployments (they replace), and ``CreateRun``, because we never send that without a name: the identical request arriving twice
makes one run and rewrites its stored inputs with the same bytes (run_service.go).
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

from ...transport.base import Method

__all__ = ["SERVICES", "is_known", "rpc"]

SERVICES = {
    "RunService": ("workflow", "run_service"),
    "TaskService": ("task", "task_service"),
    "TriggerService": ("trigger", "trigger_service"),
    "ProjectService": ("project", "project_service"),
    "DataProxyService": ("dataproxy", "dataproxy_service"),
    "ClusterService": ("cluster", "service"),
    "IdentityService": ("auth", "identity"),
    "AuthMetadataService": ("auth", "auth_service"),
    "SecretService": ("secret", "secret"),
    "TranslatorService": ("workflow", "translator_service"),
    "SettingsService": ("settings", "settings_service"),
    "ActionsService": ("actions", "actions_service"),
}
"""Service -> package and file of its stubs."""

_RPCS = {
    **dict.fromkeys(
        (
            *("CreateRun", "AbortRun", "GetRunDetails", "GetActionDetails", "ListRuns", "ListActions", "WatchActions"),
            *("SignalEvent", "GetActionDataURIs"),
        ),
        "RunService",
    ),
    **dict.fromkeys(("DeployTask", "GetTaskDetails", "ListTasks", "ListVersions"), "TaskService"),
    **dict.fromkeys(
        (
            *("DeployTrigger", "GetTriggerDetails", "ListTriggers", "UpdateTriggers", "DeleteTriggers"),
            "GetTriggerRevisionHistory",
        ),
        "TriggerService",
    ),
    **dict.fromkeys(("GetProject", "ListProjects"), "ProjectService"),
    **dict.fromkeys(
        ("CreateUploadLocation", "UploadInputs", "CreateDownloadLink", "GetActionData", "TailLogs"), "DataProxyService"
    ),
    "UserInfo": "IdentityService",
}


def is_known(name: str) -> bool:
    """Whether it is in the table."""
    return isinstance(name, str) and name in _RPCS


@functools.cache
def rpc(name: str) -> Method[Any, Any]:
    """How to call one RPC.

    Args:
        name: As Flyte 2 calls it, ``"GetRunDetails"``.
    """
    service = _RPCS[name]
    package, file = SERVICES[service]
    stubs = importlib.import_module(f"flyteidl2.{package}.{file}_pb2")
    return Method(
        f"/flyteidl2.{package}.{service}/{name}",
        getattr(stubs, f"{name}Request").SerializeToString,
        getattr(stubs, f"{name}Response").FromString,
        safe=True,
    )
