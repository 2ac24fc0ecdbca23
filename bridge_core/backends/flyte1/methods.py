"""The RPCs of FlyteAdmin that we send, and which of them may be sent twice.

`CreateExecution` is safe because we never send it without a name: the identical request arriving twice makes one execution
and rewrites its stored inputs with the same bytes (flyteadmin execution_manager.go).
"""

from __future__ import annotations

from typing import Any

from flyteidl.admin import (
    common_pb2,
    description_entity_pb2,
    execution_pb2,
    launch_plan_pb2,
    node_execution_pb2,
    signal_pb2,
    task_execution_pb2,
    task_pb2,
    workflow_pb2,
)
from flyteidl.service import dataproxy_pb2, identity_pb2

from ...transport.base import Method


def _admin(name: str, request: Any, response: Any, *, safe: bool = True) -> Method[Any, Any]:
    return Method(f"/flyteidl.service.AdminService/{name}", request.SerializeToString, response.FromString, safe)


def _data(name: str, request: Any, response: Any) -> Method[Any, Any]:
    return Method(
        f"/flyteidl.service.DataProxyService/{name}", request.SerializeToString, response.FromString, safe=True
    )


GET_EXECUTION = _admin("GetExecution", execution_pb2.WorkflowExecutionGetRequest, execution_pb2.Execution)
GET_EXECUTION_DATA = _admin(
    "GetExecutionData",
    execution_pb2.WorkflowExecutionGetDataRequest,
    execution_pb2.WorkflowExecutionGetDataResponse,
)
LIST_EXECUTIONS = _admin("ListExecutions", common_pb2.ResourceListRequest, execution_pb2.ExecutionList)
CREATE_EXECUTION = _admin(
    "CreateExecution", execution_pb2.ExecutionCreateRequest, execution_pb2.ExecutionCreateResponse
)
TERMINATE_EXECUTION = _admin(
    "TerminateExecution", execution_pb2.ExecutionTerminateRequest, execution_pb2.ExecutionTerminateResponse
)
GET_LAUNCH_PLAN = _admin("GetLaunchPlan", common_pb2.ObjectGetRequest, launch_plan_pb2.LaunchPlan)
GET_ACTIVE_LAUNCH_PLAN = _admin(
    "GetActiveLaunchPlan", launch_plan_pb2.ActiveLaunchPlanRequest, launch_plan_pb2.LaunchPlan
)
LIST_LAUNCH_PLANS = _admin("ListLaunchPlans", common_pb2.ResourceListRequest, launch_plan_pb2.LaunchPlanList)
LIST_ACTIVE_LAUNCH_PLANS = _admin(
    "ListActiveLaunchPlans", launch_plan_pb2.ActiveLaunchPlanListRequest, launch_plan_pb2.LaunchPlanList
)
# The identical launch plan again is ALREADY_EXISTS, which says what was wanted.
CREATE_LAUNCH_PLAN = _admin(
    "CreateLaunchPlan", launch_plan_pb2.LaunchPlanCreateRequest, launch_plan_pb2.LaunchPlanCreateResponse
)
UPDATE_LAUNCH_PLAN = _admin(
    "UpdateLaunchPlan", launch_plan_pb2.LaunchPlanUpdateRequest, launch_plan_pb2.LaunchPlanUpdateResponse
)
LIST_LAUNCH_PLAN_IDS = _admin(
    "ListLaunchPlanIds", common_pb2.NamedEntityIdentifierListRequest, common_pb2.NamedEntityIdentifierList
)
GET_TASK = _admin("GetTask", common_pb2.ObjectGetRequest, task_pb2.Task)
GET_DESCRIPTION_ENTITY = _admin(
    "GetDescriptionEntity", common_pb2.ObjectGetRequest, description_entity_pb2.DescriptionEntity
)
LIST_TASKS = _admin("ListTasks", common_pb2.ResourceListRequest, task_pb2.TaskList)
LIST_TASK_IDS = _admin("ListTaskIds", common_pb2.NamedEntityIdentifierListRequest, common_pb2.NamedEntityIdentifierList)
RELAUNCH_EXECUTION = _admin(
    "RelaunchExecution", execution_pb2.ExecutionRelaunchRequest, execution_pb2.ExecutionCreateResponse
)
RECOVER_EXECUTION = _admin(
    "RecoverExecution", execution_pb2.ExecutionRecoverRequest, execution_pb2.ExecutionCreateResponse
)
UPDATE_EXECUTION = _admin(
    "UpdateExecution", execution_pb2.ExecutionUpdateRequest, execution_pb2.ExecutionUpdateResponse
)
GET_EXECUTION_METRICS = _admin(
    "GetExecutionMetrics",
    execution_pb2.WorkflowExecutionGetMetricsRequest,
    execution_pb2.WorkflowExecutionGetMetricsResponse,
)
LIST_NODE_EXECUTIONS = _admin(
    "ListNodeExecutions", node_execution_pb2.NodeExecutionListRequest, node_execution_pb2.NodeExecutionList
)
GET_NODE_EXECUTION = _admin(
    "GetNodeExecution", node_execution_pb2.NodeExecutionGetRequest, node_execution_pb2.NodeExecution
)
LIST_TASK_EXECUTIONS = _admin(
    "ListTaskExecutions", task_execution_pb2.TaskExecutionListRequest, task_execution_pb2.TaskExecutionList
)
LIST_WORKFLOW_IDS = _admin(
    "ListWorkflowIds", common_pb2.NamedEntityIdentifierListRequest, common_pb2.NamedEntityIdentifierList
)
LIST_WORKFLOWS = _admin("ListWorkflows", common_pb2.ResourceListRequest, workflow_pb2.WorkflowList)
SET_SIGNAL = Method(
    "/flyteidl.service.SignalService/SetSignal",
    signal_pb2.SignalSetRequest.SerializeToString,
    signal_pb2.SignalSetResponse.FromString,
    safe=True,
)
LIST_SIGNALS = Method(
    "/flyteidl.service.SignalService/ListSignals",
    signal_pb2.SignalListRequest.SerializeToString,
    signal_pb2.SignalList.FromString,
    safe=True,
)
USER_INFO = Method(
    "/flyteidl.service.IdentityService/UserInfo",
    identity_pb2.UserInfoRequest.SerializeToString,
    identity_pb2.UserInfoResponse.FromString,
    safe=True,
)
CREATE_DOWNLOAD_LINK = _data(
    "CreateDownloadLink", dataproxy_pb2.CreateDownloadLinkRequest, dataproxy_pb2.CreateDownloadLinkResponse
)
CREATE_UPLOAD_LOCATION = _data(
    "CreateUploadLocation", dataproxy_pb2.CreateUploadLocationRequest, dataproxy_pb2.CreateUploadLocationResponse
)
CREATE_DOWNLOAD_LOCATION = _data(
    "CreateDownloadLocation",
    dataproxy_pb2.CreateDownloadLocationRequest,
    dataproxy_pb2.CreateDownloadLocationResponse,
)
