"""The RPCs of FlyteAdmin that we send, and which of them may be sent twice.

`CreateExecution` is safe because we never send it without a name: the identical request arriving twice makes one execution
and rewrites its stored inputs with the same bytes (flyteadmin execution_manager.go).
"""

from __future__ import annotations

from typing import Any

from flyteidl.admin import common_pb2, execution_pb2, launch_plan_pb2, task_pb2
from flyteidl.service import dataproxy_pb2

from ...transport.base import Method

__all__ = [
    "CREATE_DOWNLOAD_LOCATION",
    "CREATE_EXECUTION",
    "CREATE_UPLOAD_LOCATION",
    "GET_ACTIVE_LAUNCH_PLAN",
    "GET_EXECUTION",
    "GET_EXECUTION_DATA",
    "GET_LAUNCH_PLAN",
    "GET_TASK",
    "LIST_EXECUTIONS",
    "LIST_LAUNCH_PLANS",
    "LIST_LAUNCH_PLAN_IDS",
    "LIST_TASKS",
    "LIST_TASK_IDS",
    "TERMINATE_EXECUTION",
]


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
LIST_LAUNCH_PLAN_IDS = _admin(
    "ListLaunchPlanIds", common_pb2.NamedEntityIdentifierListRequest, common_pb2.NamedEntityIdentifierList
)
GET_TASK = _admin("GetTask", common_pb2.ObjectGetRequest, task_pb2.Task)
LIST_TASKS = _admin("ListTasks", common_pb2.ResourceListRequest, task_pb2.TaskList)
LIST_TASK_IDS = _admin("ListTaskIds", common_pb2.NamedEntityIdentifierListRequest, common_pb2.NamedEntityIdentifierList)
CREATE_UPLOAD_LOCATION = _data(
    "CreateUploadLocation", dataproxy_pb2.CreateUploadLocationRequest, dataproxy_pb2.CreateUploadLocationResponse
)
CREATE_DOWNLOAD_LOCATION = _data(
    "CreateDownloadLocation",
    dataproxy_pb2.CreateDownloadLocationRequest,
    dataproxy_pb2.CreateDownloadLocationResponse,
)
