"""AdminService, second part: executions (flyteadmin ``pkg/manager/impl/execution_manager.go``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import event_pb2, execution_pb2
from flyteidl.core import execution_pb2 as core_execution_pb2
from flyteidl.core import identifier_pb2

from ...model.ids import generated_name
from ...model.status import Rejected
from ...store.executions import TERMINAL
from ...validation.filters import EXECUTION, Query
from ._checks import check_labels, check_notifications
from ._checks import run_id_checked as _checked

if TYPE_CHECKING:
    from ...engine.engine import Engine

__all__ = ["ExecutionHandlers"]

_Phase = core_execution_pb2.WorkflowExecution


class ExecutionHandlers:
    """Handlers by RPC name; see flyteidl's ``service/admin.proto``."""

    def __init__(self, engine: Engine) -> None:
        self._db = engine.database
        self._engine = engine
        self._executions = engine.executions

    def CreateExecution(self, request: Any) -> Any:
        """Starts a run. Atomic but for the one trap that FlyteAdmin has: see `Executions.overwrite_inputs`."""
        identifier = identifier_pb2.WorkflowExecutionIdentifier(project=request.project, domain=request.domain)
        identifier.name = request.name or generated_name()
        check_notifications(request.spec.notifications.notifications)
        check_labels(request.spec.labels)
        inputs = request.inputs if request.inputs.literals else request.spec.inputs
        spec = execution_pb2.ExecutionSpec()
        spec.CopyFrom(request.spec)
        spec.metadata.principal = ""  # the authenticated user; nobody is, here
        self._engine.launcher.create(identifier, spec, inputs)
        return execution_pb2.ExecutionCreateResponse(id=identifier)

    def RelaunchExecution(self, request: Any) -> Any:
        """Starts a run with the specification and the caller's inputs of another one."""
        original = self._executions.get(_checked(request.id))
        spec = execution_pb2.ExecutionSpec()
        spec.CopyFrom(original.spec)
        spec.metadata.mode = execution_pb2.ExecutionMetadata.RELAUNCH
        spec.metadata.reference_execution.CopyFrom(request.id)
        spec.overwrite_cache = request.overwrite_cache
        identifier = identifier_pb2.WorkflowExecutionIdentifier(project=request.id.project, domain=request.id.domain)
        identifier.name = request.name or generated_name()
        self._engine.launcher.create(identifier, spec, self._executions.user_inputs(request.id))
        return execution_pb2.ExecutionCreateResponse(id=identifier)

    def RecoverExecution(self, request: Any) -> Any:
        """Starts a run that does not do again what succeeded in another one, which may be in any phase."""
        original = self._executions.get(_checked(request.id))
        spec = execution_pb2.ExecutionSpec()
        spec.CopyFrom(original.spec)
        spec.metadata.mode = execution_pb2.ExecutionMetadata.RECOVERED
        spec.metadata.reference_execution.CopyFrom(request.id)
        if request.metadata.HasField("parent_node_execution"):
            spec.metadata.parent_node_execution.CopyFrom(request.metadata.parent_node_execution)
        identifier = identifier_pb2.WorkflowExecutionIdentifier(project=request.id.project, domain=request.id.domain)
        identifier.name = request.name or generated_name()
        self._engine.launcher.create(identifier, spec, self._executions.user_inputs(request.id))
        return execution_pb2.ExecutionCreateResponse(id=identifier)

    def GetExecution(self, request: Any) -> Any:
        """One run."""
        return self._executions.get(_checked(request.id))

    def GetExecutionData(self, request: Any) -> Any:
        """Inputs and outputs, inlined: with signed URLs switched off, FlyteAdmin's default, sizes stay 0."""
        inputs, outputs = self._executions.data(_checked(request.id))
        return execution_pb2.WorkflowExecutionGetDataResponse(full_inputs=inputs, full_outputs=outputs)

    def ListExecutions(self, request: Any) -> Any:
        """One page of runs: trimmed errors, no inputs, archived ones hidden."""
        if not request.id.project or not request.id.domain:
            raise Rejected("INVALID_ARGUMENT", "missing project" if not request.id.project else "missing domain")
        query = Query(
            EXECUTION, filters=request.filters, sort_by=request.sort_by, limit=request.limit, token=request.token
        )
        query.require("execution_project=? AND execution_domain=?", request.id.project, request.id.domain)
        if request.id.name:
            query.require("execution_name=?", request.id.name)
        executions, page = self._executions.page(query)
        return execution_pb2.ExecutionList(executions=executions, token=page.token)

    def TerminateExecution(self, request: Any) -> Any:
        """ABORTING at once, ABORTED when the processes are gone; FAILED_PRECONDITION when it has ended already."""
        identifier = _checked(request.id)
        with self._db.transaction():
            execution = self._executions.get(identifier)
            closure = execution.closure
            if closure.phase in TERMINAL:
                phase = _Phase.Phase.Name(closure.phase)
                reason = event_pb2.EventFailureReason()
                reason.already_in_terminal_state.current_phase = phase
                raise Rejected(
                    "FAILED_PRECONDITION",
                    f"Cannot abort an already terminated workflow execution: {request.id.name} is {phase}",
                    reason,
                )
            closure.phase = _Phase.ABORTING
            closure.abort_metadata.cause = request.cause
            self._executions.save(execution)
        self._engine.terminate(request.id)
        return execution_pb2.ExecutionTerminateResponse()

    def UpdateExecution(self, request: Any) -> Any:
        """Archives a run, or brings it back."""
        self._executions.set_archived(_checked(request.id), request.state == execution_pb2.EXECUTION_ARCHIVED)
        return execution_pb2.ExecutionUpdateResponse()
