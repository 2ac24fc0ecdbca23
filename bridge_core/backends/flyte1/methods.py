"""The RPCs of FlyteAdmin on runs, and which of them may be sent twice. Those on other things are in files of their own, because
most processes never import their messages.

`CreateExecution` is safe because we never send it without a name: the identical request arriving twice makes one execution
and rewrites its stored inputs with the same bytes (flyteadmin execution_manager.go).
"""

from __future__ import annotations

from typing import Any

from flyteidl.admin import common_pb2, execution_pb2

from ...transport.base import Method


def admin(name: str, request: Any, response: Any) -> Method[Any, Any]:
    """A call of AdminService: all of those we send may be sent twice."""
    return service("AdminService", name, request, response)


def service(service_name: str, name: str, request: Any, response: Any) -> Method[Any, Any]:
    """A call of another service of FlyteAdmin."""
    path = f"/flyteidl.service.{service_name}/{name}"
    return Method(path, request.SerializeToString, response.FromString, safe=True)


GET_EXECUTION = admin("GetExecution", execution_pb2.WorkflowExecutionGetRequest, execution_pb2.Execution)
GET_EXECUTION_DATA = admin(
    "GetExecutionData",
    execution_pb2.WorkflowExecutionGetDataRequest,
    execution_pb2.WorkflowExecutionGetDataResponse,
)
LIST_EXECUTIONS = admin("ListExecutions", common_pb2.ResourceListRequest, execution_pb2.ExecutionList)
CREATE_EXECUTION = admin("CreateExecution", execution_pb2.ExecutionCreateRequest, execution_pb2.ExecutionCreateResponse)
TERMINATE_EXECUTION = admin(
    "TerminateExecution", execution_pb2.ExecutionTerminateRequest, execution_pb2.ExecutionTerminateResponse
)
RELAUNCH_EXECUTION = admin(
    "RelaunchExecution", execution_pb2.ExecutionRelaunchRequest, execution_pb2.ExecutionCreateResponse
)
RECOVER_EXECUTION = admin(
    "RecoverExecution", execution_pb2.ExecutionRecoverRequest, execution_pb2.ExecutionCreateResponse
)
UPDATE_EXECUTION = admin("UpdateExecution", execution_pb2.ExecutionUpdateRequest, execution_pb2.ExecutionUpdateResponse)
GET_EXECUTION_METRICS = admin(
    "GetExecutionMetrics",
    execution_pb2.WorkflowExecutionGetMetricsRequest,
    execution_pb2.WorkflowExecutionGetMetricsResponse,
)
