"""AdminService, third part: node and task executions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import node_execution_pb2, task_execution_pb2
from flyteidl.core import identifier_pb2

from ...model.status import Rejected
from ...validation.filters import query_of
from ...validation.list_columns import NODE, TASK_EXECUTION
from ...validation.requests import check_limit, missing, node_checked, run_checked, task_execution_checked
from .flyte_urls import urls_of_node, urls_of_task

if TYPE_CHECKING:
    from ...admin.context import Admin

__all__ = ["NodeHandlers"]


class NodeHandlers:
    """Handlers by RPC name; see flyteidl's ``service/admin.proto``."""

    def __init__(self, admin: Admin) -> None:
        self._nodes = admin.nodes
        self._offloaded = admin.offloaded

    def ListNodeExecutions(self, request: Any) -> Any:
        """Nodes directly below ``unique_parent_id``; without one, the top level. None for a run that does not exist."""
        try:
            run = run_checked(request, "workflow_execution_id")
        except Rejected:
            raise missing("execution_id") from None
        check_limit(request.limit)
        parent = None
        if request.unique_parent_id:
            above = identifier_pb2.NodeExecutionIdentifier(node_id=request.unique_parent_id, execution_id=run)
            parent = int(self._nodes.row(above)["id"])
        query = query_of(NODE, request, "ListNodeExecutions")
        if parent is None:
            query.require("node_executions.parent_id IS NULL AND node_executions.parent_task_execution_id IS NULL")
        else:
            query.require("node_executions.parent_id=?", parent)
        nodes, page = self._nodes.page(run, query)
        return node_execution_pb2.NodeExecutionList(node_executions=nodes, token=page.token)

    def ListNodeExecutionsForTask(self, request: Any) -> Any:
        """Nodes that say a task execution made them: FlytePropeller's do no more, they name the node above them."""
        identifier = task_execution_checked(request, "task_execution_id")
        check_limit(request.limit)
        row = self._nodes.task_row(identifier)
        query = query_of(NODE, request, "ListNodeExecutions")
        query.require("node_executions.parent_task_execution_id=?", int(row["id"]))
        nodes, page = self._nodes.page(identifier.node_execution_id.execution_id, query)
        return node_execution_pb2.NodeExecutionList(node_executions=nodes, token=page.token)

    def GetNodeExecution(self, request: Any) -> Any:
        """One node."""
        return self._nodes.get(node_checked(request))

    def GetNodeExecutionData(self, request: Any) -> Any:
        """Inputs and outputs of a node, and the workflow a dynamic node made."""
        identifier = node_checked(request)
        inputs, outputs, dynamic = self._nodes.data(identifier)
        node = self._nodes.get(identifier)
        data = node_execution_pb2.NodeExecutionGetDataResponse(
            full_inputs=self._offloaded.read(inputs, node.input_uri),
            full_outputs=self._offloaded.read(outputs, node.closure.output_uri),
        )
        data.inputs.SetInParent()
        data.outputs.SetInParent()
        data.flyte_urls.CopyFrom(urls_of_node(identifier, deck=bool(node.closure.deck_uri)))
        if dynamic is not None:
            data.dynamic_workflow.id.CopyFrom(dynamic.primary.template.id)
            data.dynamic_workflow.compiled_workflow.CopyFrom(dynamic)
            data.dynamic_workflow.dynamic_job_spec_uri = node.closure.dynamic_job_spec_uri
        return data

    def GetDynamicNodeWorkflow(self, request: Any) -> Any:
        """The workflow a dynamic node made."""
        dynamic = self._nodes.data(node_checked(request))[2]
        if dynamic is None:
            raise Rejected("NOT_FOUND", "node does not contain dynamic workflow")
        return node_execution_pb2.DynamicNodeWorkflowResponse(compiled_workflow=dynamic)

    def ListTaskExecutions(self, request: Any) -> Any:
        """Attempts of a node, with whole errors: the console shows them (flyteadmin ``task_execution_manager.go``)."""
        identifier = node_checked(request, "node_execution_id")
        check_limit(request.limit)
        query = query_of(TASK_EXECUTION, request, "ListTaskExecutions")
        tasks, page = self._nodes.list_tasks(identifier, query)
        return task_execution_pb2.TaskExecutionList(task_executions=tasks, token=page.token)

    def GetTaskExecution(self, request: Any) -> Any:
        """One attempt."""
        return self._nodes.get_task(task_execution_checked(request))

    def GetTaskExecutionData(self, request: Any) -> Any:
        """Inputs and outputs of an attempt."""
        identifier = task_execution_checked(request)
        inputs, outputs = self._nodes.task_data(identifier)
        task = self._nodes.get_task(identifier)
        data = task_execution_pb2.TaskExecutionGetDataResponse(
            full_inputs=self._offloaded.read(inputs, task.input_uri),
            full_outputs=self._offloaded.read(outputs, task.closure.output_uri),
            flyte_urls=urls_of_task(identifier, deck=False),
        )
        data.inputs.SetInParent()
        data.outputs.SetInParent()
        return data
