"""AdminService, second part: executions (flyteadmin ``pkg/manager/impl/execution_manager.go``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import execution_pb2
from flyteidl.core import execution_pb2 as core_execution_pb2

from ...admin.run_events import already_ended
from ...model.go_text import go_text
from ...model.status import Rejected
from ...store.executions import TERMINAL
from ...validation.list_columns import EXECUTION
from ...validation.requests import require, run_checked
from .listing import query_of_entities

if TYPE_CHECKING:
    from ...admin.context import Admin
    from ...engine.engine import Engine

__all__ = ["ExecutionHandlers"]

_Phase = core_execution_pb2.WorkflowExecution
_Metadata = execution_pb2.ExecutionMetadata


class ExecutionHandlers:
    """Handlers by RPC name; see flyteidl's ``service/admin.proto``."""

    def __init__(self, admin: Admin, engine: Engine) -> None:
        self._admin = admin
        self._engine = engine
        self._executions = admin.executions

    def CreateExecution(self, request: Any) -> Any:
        """Starts a run, with all traps that FlyteAdmin has on the way: see `Creation`."""
        if not request.inputs.literals:
            request.inputs.CopyFrom(request.spec.inputs)  # where inputs were before flyteidl 0.15
        return execution_pb2.ExecutionCreateResponse(id=self._engine.launcher.launch(request))

    def RelaunchExecution(self, request: Any) -> Any:
        """Starts a run with the specification and the caller's inputs of another one."""
        return self._again(request, _Metadata.RELAUNCH)

    def RecoverExecution(self, request: Any) -> Any:
        """Starts a run that does not do again what succeeded in another one, which may be in any phase."""
        return self._again(request, _Metadata.RECOVERED)

    def _again(self, request: Any, mode: int) -> Any:
        require(request.id, "project")  # the only part without which nothing is found here, not the first row
        row = self._executions.row(request.id)
        original = self._executions.get(request.id)
        run = original.id
        self._admin.offloaded.check_reading("", run.project, run.domain, run.name, "user_inputs")
        spec = original.spec
        spec.metadata.mode = mode
        spec.metadata.reference_execution.CopyFrom(run)
        if mode == _Metadata.RELAUNCH:
            spec.overwrite_cache = request.overwrite_cache
        elif request.HasField("metadata"):
            spec.metadata.ClearField("parent_node_execution")
            if request.metadata.HasField("parent_node_execution"):
                spec.metadata.parent_node_execution.CopyFrom(request.metadata.parent_node_execution)
        create = execution_pb2.ExecutionCreateRequest(
            project=request.id.project,
            domain=request.id.domain,
            name=request.name,
            spec=spec,
            inputs=self._executions.user_inputs(run),
        )
        identifier = self._engine.launcher.launch(create, source_row=int(row["id"]))
        return execution_pb2.ExecutionCreateResponse(id=identifier)

    def GetExecution(self, request: Any) -> Any:
        """One run."""
        return self._executions.get(run_checked(request))

    def GetExecutionData(self, request: Any) -> Any:
        """Inputs and outputs, inlined: with signed URLs switched off, FlyteAdmin's default, sizes stay 0."""
        identifier = run_checked(request)
        inputs, outputs = self._executions.data(identifier)
        closure = self._executions.get(identifier).closure
        response = execution_pb2.WorkflowExecutionGetDataResponse(
            full_inputs=self._admin.offloaded.read(inputs, ""),
            full_outputs=self._admin.offloaded.read(outputs, closure.outputs.uri),
        )
        response.inputs.SetInParent()
        response.outputs.SetInParent()
        return response

    def ListExecutions(self, request: Any) -> Any:
        """One page of runs: trimmed errors, no inputs, archived ones hidden."""
        query = query_of_entities(EXECUTION, request, "ListExecutions", run=True)
        executions, page = self._executions.page(query)
        return execution_pb2.ExecutionList(executions=executions, token=page.token)

    def TerminateExecution(self, request: Any) -> Any:
        """ABORTING at once, and again if it is asked again; ABORTED when the engine says so."""
        identifier = run_checked(request)
        with self._admin.database.transaction():
            execution = self._executions.get(identifier)
            phase = execution.closure.phase
            if phase in TERMINAL:
                text = "Cannot abort an already terminated workflow execution"
                raise already_ended(text, _Phase.Phase.Name(phase))
            self._executions.set_aborting(execution, request.cause)
        namespace = f"{identifier.project}-{identifier.domain}"
        why = self._admin.faults.outages.check_kubernetes("Delete", namespace, identifier.name)
        if why:
            raise Rejected("INTERNAL", f"failed to terminate execution: {go_text(identifier)} with err {why}")
        self._engine.terminate(identifier)
        return execution_pb2.ExecutionTerminateResponse()

    def UpdateExecution(self, request: Any) -> Any:
        """Archives a run, or brings it back."""
        self._executions.set_archived(run_checked(request), request.state == execution_pb2.EXECUTION_ARCHIVED)
        return execution_pb2.ExecutionUpdateResponse()
