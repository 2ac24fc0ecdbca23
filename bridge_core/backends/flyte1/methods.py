"""The table of FlyteAdmin's RPCs that we send: service, request, response.

Messages are imported when a method is used first, because most processes never need most of them. Every method may be sent
twice: reads, updates to a given state, and `CreateExecution`, because we never send that without a name: the identical
request arriving twice makes one execution and rewrites its stored inputs with the same bytes (flyteadmin
execution_manager.go).
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

from ...transport.base import Method

__all__ = ["is_known", "rpc"]

_RPCS = {
    # Runs
    "GetExecution": (
        "AdminService",
        "admin.execution_pb2.WorkflowExecutionGetRequest",
        "admin.execution_pb2.Execution",
    ),
    "GetExecutionData": (
        "AdminService",
        "admin.execution_pb2.WorkflowExecutionGetDataRequest",
        "admin.execution_pb2.WorkflowExecutionGetDataResponse",
    ),
    "ListExecutions": ("AdminService", "admin.common_pb2.ResourceListRequest", "admin.execution_pb2.ExecutionList"),
    "CreateExecution": (
        "AdminService",
        "admin.execution_pb2.ExecutionCreateRequest",
        "admin.execution_pb2.ExecutionCreateResponse",
    ),
    "TerminateExecution": (
        "AdminService",
        "admin.execution_pb2.ExecutionTerminateRequest",
        "admin.execution_pb2.ExecutionTerminateResponse",
    ),
    "RelaunchExecution": (
        "AdminService",
        "admin.execution_pb2.ExecutionRelaunchRequest",
        "admin.execution_pb2.ExecutionCreateResponse",
    ),
    "RecoverExecution": (
        "AdminService",
        "admin.execution_pb2.ExecutionRecoverRequest",
        "admin.execution_pb2.ExecutionCreateResponse",
    ),
    "UpdateExecution": (
        "AdminService",
        "admin.execution_pb2.ExecutionUpdateRequest",
        "admin.execution_pb2.ExecutionUpdateResponse",
    ),
    "GetExecutionMetrics": (
        "AdminService",
        "admin.execution_pb2.WorkflowExecutionGetMetricsRequest",
        "admin.execution_pb2.WorkflowExecutionGetMetricsResponse",
    ),
    # Signed URLs, and who we are
    "CreateUploadLocation": (
        "DataProxyService",
        "service.dataproxy_pb2.CreateUploadLocationRequest",
        "service.dataproxy_pb2.CreateUploadLocationResponse",
    ),
    "CreateDownloadLocation": (
        "DataProxyService",
        "service.dataproxy_pb2.CreateDownloadLocationRequest",
        "service.dataproxy_pb2.CreateDownloadLocationResponse",
    ),
    "UserInfo": ("IdentityService", "service.identity_pb2.UserInfoRequest", "service.identity_pb2.UserInfoResponse"),
    # Tasks, workflows, launch plans
    "GetLaunchPlan": ("AdminService", "admin.common_pb2.ObjectGetRequest", "admin.launch_plan_pb2.LaunchPlan"),
    "GetActiveLaunchPlan": (
        "AdminService",
        "admin.launch_plan_pb2.ActiveLaunchPlanRequest",
        "admin.launch_plan_pb2.LaunchPlan",
    ),
    "ListLaunchPlans": ("AdminService", "admin.common_pb2.ResourceListRequest", "admin.launch_plan_pb2.LaunchPlanList"),
    "ListActiveLaunchPlans": (
        "AdminService",
        "admin.launch_plan_pb2.ActiveLaunchPlanListRequest",
        "admin.launch_plan_pb2.LaunchPlanList",
    ),
    # The identical launch plan again is ALREADY_EXISTS, which says what was wanted.
    "CreateLaunchPlan": (
        "AdminService",
        "admin.launch_plan_pb2.LaunchPlanCreateRequest",
        "admin.launch_plan_pb2.LaunchPlanCreateResponse",
    ),
    "UpdateLaunchPlan": (
        "AdminService",
        "admin.launch_plan_pb2.LaunchPlanUpdateRequest",
        "admin.launch_plan_pb2.LaunchPlanUpdateResponse",
    ),
    "ListLaunchPlanIds": (
        "AdminService",
        "admin.common_pb2.NamedEntityIdentifierListRequest",
        "admin.common_pb2.NamedEntityIdentifierList",
    ),
    "GetTask": ("AdminService", "admin.common_pb2.ObjectGetRequest", "admin.task_pb2.Task"),
    "GetDescriptionEntity": (
        "AdminService",
        "admin.common_pb2.ObjectGetRequest",
        "admin.description_entity_pb2.DescriptionEntity",
    ),
    "ListTasks": ("AdminService", "admin.common_pb2.ResourceListRequest", "admin.task_pb2.TaskList"),
    "ListTaskIds": (
        "AdminService",
        "admin.common_pb2.NamedEntityIdentifierListRequest",
        "admin.common_pb2.NamedEntityIdentifierList",
    ),
    "ListWorkflowIds": (
        "AdminService",
        "admin.common_pb2.NamedEntityIdentifierListRequest",
        "admin.common_pb2.NamedEntityIdentifierList",
    ),
    "GetWorkflow": ("AdminService", "admin.common_pb2.ObjectGetRequest", "admin.workflow_pb2.Workflow"),
    "ListWorkflows": ("AdminService", "admin.common_pb2.ResourceListRequest", "admin.workflow_pb2.WorkflowList"),
    # Projects
    "ListProjects": ("AdminService", "admin.project_pb2.ProjectListRequest", "admin.project_pb2.Projects"),
    "GetDomains": ("AdminService", "admin.project_pb2.GetDomainRequest", "admin.project_pb2.GetDomainsResponse"),
    # Inside of runs: nodes, attempts, gates, decks
    "ListNodeExecutions": (
        "AdminService",
        "admin.node_execution_pb2.NodeExecutionListRequest",
        "admin.node_execution_pb2.NodeExecutionList",
    ),
    "GetNodeExecution": (
        "AdminService",
        "admin.node_execution_pb2.NodeExecutionGetRequest",
        "admin.node_execution_pb2.NodeExecution",
    ),
    "GetNodeExecutionData": (
        "AdminService",
        "admin.node_execution_pb2.NodeExecutionGetDataRequest",
        "admin.node_execution_pb2.NodeExecutionGetDataResponse",
    ),
    "GetTaskExecutionData": (
        "AdminService",
        "admin.task_execution_pb2.TaskExecutionGetDataRequest",
        "admin.task_execution_pb2.TaskExecutionGetDataResponse",
    ),
    "ListTaskExecutions": (
        "AdminService",
        "admin.task_execution_pb2.TaskExecutionListRequest",
        "admin.task_execution_pb2.TaskExecutionList",
    ),
    "SetSignal": ("SignalService", "admin.signal_pb2.SignalSetRequest", "admin.signal_pb2.SignalSetResponse"),
    "ListSignals": ("SignalService", "admin.signal_pb2.SignalListRequest", "admin.signal_pb2.SignalList"),
    "CreateDownloadLink": (
        "DataProxyService",
        "service.dataproxy_pb2.CreateDownloadLinkRequest",
        "service.dataproxy_pb2.CreateDownloadLinkResponse",
    ),
    # Registration
    "CreateTask": ("AdminService", "admin.task_pb2.TaskCreateRequest", "admin.task_pb2.TaskCreateResponse"),
    "CreateWorkflow": (
        "AdminService",
        "admin.workflow_pb2.WorkflowCreateRequest",
        "admin.workflow_pb2.WorkflowCreateResponse",
    ),
}


def is_known(name: str) -> bool:
    """Whether it is in the table."""
    return isinstance(name, str) and name in _RPCS


@functools.cache
def rpc(name: str) -> Method[Any, Any]:
    """How to call one RPC.

    Args:
        name: As FlyteAdmin calls it, ``"GetExecution"``.
    """
    service, request, response = _RPCS[name]
    return Method(
        f"/flyteidl.service.{service}/{name}",
        _message(request).SerializeToString,
        _message(response).FromString,
        safe=True,
    )


def _message(path: str) -> Any:
    module, _, message = path.rpartition(".")
    return getattr(importlib.import_module(f"flyteidl.{module}"), message)
