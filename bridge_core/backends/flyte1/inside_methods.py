"""The RPCs of FlyteAdmin on the inside of runs: nodes, attempts, gates, decks."""

from __future__ import annotations

from flyteidl.admin import node_execution_pb2, signal_pb2, task_execution_pb2
from flyteidl.service import dataproxy_pb2

from .methods import admin, service

LIST_NODE_EXECUTIONS = admin(
    "ListNodeExecutions", node_execution_pb2.NodeExecutionListRequest, node_execution_pb2.NodeExecutionList
)
GET_NODE_EXECUTION = admin(
    "GetNodeExecution", node_execution_pb2.NodeExecutionGetRequest, node_execution_pb2.NodeExecution
)
LIST_TASK_EXECUTIONS = admin(
    "ListTaskExecutions", task_execution_pb2.TaskExecutionListRequest, task_execution_pb2.TaskExecutionList
)
SET_SIGNAL = service("SignalService", "SetSignal", signal_pb2.SignalSetRequest, signal_pb2.SignalSetResponse)
LIST_SIGNALS = service("SignalService", "ListSignals", signal_pb2.SignalListRequest, signal_pb2.SignalList)
CREATE_DOWNLOAD_LINK = service(
    "DataProxyService",
    "CreateDownloadLink",
    dataproxy_pb2.CreateDownloadLinkRequest,
    dataproxy_pb2.CreateDownloadLinkResponse,
)
