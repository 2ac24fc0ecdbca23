"""AdminService, third part: node and task executions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import node_execution_pb2, task_execution_pb2
from flyteidl.core import identifier_pb2

from ...model.status import Rejected
from ...validation.filters import NODE, TASK_EXECUTION, Query
from ._checks import node_id_checked, run_id_checked
from .flyte_urls import urls_of_node, urls_of_task

if TYPE_CHECKING:
    from ...engine.engine import Engine

__all__ = ["NodeHandlers"]


class NodeHandlers:
    """Handlers by RPC name; see flyteidl's ``service/admin.proto``."""

    def __init__(self, engine: Engine) -> None:
        self._nodes = engine.nodes

    def ListNodeExecutions(self, request: Any) -> Any:
        """Nodes directly below ``unique_parent_id``; without one, the top level. None for a run that does not exist."""
        run = run_id_checked(request.workflow_execution_id)
        query = Query(NODE, filters=request.filters, sort_by=request.sort_by, limit=request.limit, token=request.token)
        if request.unique_parent_id:
            self._nodes.get(identifier_pb2.NodeExecutionIdentifier(node_id=request.unique_parent_id, execution_id=run))
        nodes, page = self._nodes.page(run, request.unique_parent_id, query)
        return node_execution_pb2.NodeExecutionList(node_executions=nodes, token=page.token)

    def ListNodeExecutionsForTask(self, request: Any) -> Any:
        """Nodes of the workflow that a dynamic task made."""
        task = self._nodes.get_task(request.task_execution_id)
        query = Query(NODE, filters=request.filters, sort_by=request.sort_by, limit=request.limit, token=request.token)
        node = task.id.node_execution_id
        nodes, page = self._nodes.page(node.execution_id, node.node_id, query)
        return node_execution_pb2.NodeExecutionList(node_executions=nodes, token=page.token)

    def GetNodeExecution(self, request: Any) -> Any:
        """One node."""
        return self._nodes.get(request.id)

    def GetNodeExecutionData(self, request: Any) -> Any:
        """Inputs and outputs of a node, and the workflow a dynamic node made."""
        inputs, outputs, dynamic = self._nodes.data(request.id)
        data = node_execution_pb2.NodeExecutionGetDataResponse(full_inputs=inputs, full_outputs=outputs)
        node = self._nodes.get(request.id)
        data.flyte_urls.CopyFrom(urls_of_node(request.id, deck=bool(node.closure.deck_uri)))
        if dynamic is not None:
            data.dynamic_workflow.id.CopyFrom(dynamic.primary.template.id)
            data.dynamic_workflow.compiled_workflow.CopyFrom(dynamic)
            data.dynamic_workflow.dynamic_job_spec_uri = node.closure.dynamic_job_spec_uri
        return data

    def GetDynamicNodeWorkflow(self, request: Any) -> Any:
        """The workflow a dynamic node made."""
        dynamic = self._nodes.data(request.id)[2]
        if dynamic is None:
            raise Rejected("NOT_FOUND", f"node {request.id.node_id} has no dynamic workflow")
        return node_execution_pb2.DynamicNodeWorkflowResponse(compiled_workflow=dynamic)

    def ListTaskExecutions(self, request: Any) -> Any:
        """Attempts of a node, with whole errors: the console shows them (flyteadmin ``task_execution_manager.go``)."""
        query = Query(
            TASK_EXECUTION,
            filters=request.filters,
            sort_by=request.sort_by,
            limit=request.limit,
            token=request.token,
        )
        tasks, page = self._nodes.list_tasks(node_id_checked(request.node_execution_id), query)
        return task_execution_pb2.TaskExecutionList(task_executions=tasks, token=page.token)

    def GetTaskExecution(self, request: Any) -> Any:
        """One attempt."""
        return self._nodes.get_task(request.id)

    def GetTaskExecutionData(self, request: Any) -> Any:
        """Inputs and outputs of an attempt."""
        inputs, outputs = self._nodes.task_data(request.id)
        urls = urls_of_task(request.id, deck=False)
        return task_execution_pb2.TaskExecutionGetDataResponse(
            full_inputs=inputs, full_outputs=outputs, flyte_urls=urls
        )
