"""One execution: its root graph, and what is common to all its nodes."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from flyteidl.admin import execution_pb2 as execution_pb2_admin
from flyteidl.core import execution_pb2, identifier_pb2

from ..compiler.shape import identifier_key
from ..model.ids import END_NODE
from ..model.outcome import CANCELLED, Cancelled, Done, Failure, Outcome
from ..model.times import now
from ..store.executions import TERMINAL, execution_key
from .history import History, abort_nodes
from .parallelism import Parallelism
from .stub_run import StubRun

if TYPE_CHECKING:
    from collections.abc import Callable

    from .context import EngineContext
    from .protocols import Factory, Signalled, Startable

__all__ = ["Run"]

_log = logging.getLogger(__name__)
_Phase = execution_pb2.WorkflowExecution
_ABORTED = "Workflow aborted."
_MAX_PARALLELISM = 25  # flyteadmin pkg/runtime/application_config_provider.go: of launch plans that say nothing


class Run:
    """Lives on the engine's loop; every method runs there.

    Args:
        context: What the runs of its engine share.
        factory: Makes its nodes.
        execution: The Execution.
        inputs: LiteralMap.
        closure: CompiledWorkflowClosure.
        on_end: Told once, when its end is written.
        resumed: Whether it goes on after a restart.

    Attributes:
        id: WorkflowExecutionIdentifier.
        spec: ExecutionSpec, launch plan's settings merged in.
        tasks: Task templates by identifier key.
        workflows: Compiled sub-workflow templates by identifier key.
        gates: Gate nodes that wait, by signal id.
        history: What happened before: before a restart, or in the run that this one recovers.
    """

    def __init__(
        self,
        context: EngineContext,
        factory: Factory,
        execution: Any,
        inputs: Any,
        closure: Any,
        *,
        on_end: Callable[[Run], None],
        resumed: bool = False,
    ) -> None:
        self.context = context
        self.factory = factory
        self.id = execution.id
        self.key = execution_key(execution.id)
        self.spec = execution.spec
        self.workflow = closure.primary.template
        self.tasks = {identifier_key(task.template.id): task.template for task in closure.tasks}
        self.workflows = {identifier_key(sub.template.id): sub.template for sub in closure.sub_workflows}
        self.gates: dict[str, list[Signalled]] = {}
        self.resumed = resumed
        metadata = self.spec.metadata
        recovers = metadata.mode == execution_pb2_admin.ExecutionMetadata.RECOVERED
        reference = metadata.reference_execution if recovers and metadata.HasField("reference_execution") else None
        self.history = History(context.nodes, own=execution.id if resumed else None, reference=reference)
        self.parallelism = Parallelism(_limit_of(self.spec))
        self._ending = False
        self._ended = False
        self._inputs = inputs
        self._on_end = on_end
        self._root: Startable | None = None

    def post(self, step: Callable[[], None]) -> None:
        """Lets a step happen on the loop, from any thread. A step that breaks fails this run and no other."""
        self.context.loop.post(lambda: self.guard(step))

    def guard(self, step: Callable[[], None]) -> None:
        """Runs a step in one transaction, unless the run is over."""
        if self._ended:
            return
        try:
            with self.context.database.transaction():
                step()
        except Exception as error:  # noqa: BLE001
            _log.exception("run %s: the sandbox engine failed", self.key)
            failure = Failure(
                "SandboxError", f"the sandbox failed: {error!r}", kind=execution_pb2.ExecutionError.SYSTEM
            )
            with self.context.database.transaction():
                self._close(failure)
                abort_nodes(self.context.nodes, self.id)
            self._abandon()

    def begin(self) -> None:
        """Starts the root graph."""
        execution = self.context.executions.get(self.id)
        if execution.closure.phase in (_Phase.ABORTING, *TERMINAL):
            self._close(CANCELLED)
            return
        if execution.closure.phase in (_Phase.UNDEFINED, _Phase.QUEUED):
            execution.closure.phase = _Phase.RUNNING
            execution.closure.started_at.CopyFrom(now())
            self.context.executions.save(execution)
        stub = self.context.stubs.find(
            self.id.project, self.id.domain, self.spec.launch_plan.name, self.workflow.id.name
        )
        if stub is not None:
            self._root = StubRun(self, stub, self._inputs, self._finish)
        else:
            self._root = self.factory.graph(
                self, self.workflow, self._inputs, on_end=self._finish, on_failing=self._failing
            )
        self._root.start()

    def abort(self) -> None:
        """Stops everything; the run ends ABORTED when the last process is gone."""
        if self._root is not None:
            self._root.cancel(_ABORTED)

    def signalled(self, signal_id: str) -> None:
        """A signal was set."""
        for gate in self.gates.pop(signal_id, []):
            gate.signalled()

    def _abandon(self) -> None:
        """Stops what a broken run still has going; what it reports is ignored."""
        try:
            if self._root is not None:
                self._root.cancel(_ABORTED)
        except Exception:  # noqa: BLE001
            # Its state is not to be trusted; the run's end is recorded already.
            _log.exception("run %s: cannot stop what it left", self.key)

    def _failing(self, failure: Failure) -> None:
        self._on_the_way(_Phase.FAILING, failure)

    def _on_the_way(self, phase: int, failure: Failure | None = None) -> None:
        """The run is about to end: for a moment it is SUCCEEDING or FAILING."""
        execution = self.context.executions.get(self.id)
        if execution.closure.phase == _Phase.RUNNING:
            execution.closure.phase = phase
            if failure is not None:
                execution.closure.error.CopyFrom(failure.to_error())
            self.context.executions.save(execution)

    def _finish(self, outcome: Outcome) -> None:
        """Its root has ended; so does the run, after as long as FlytePropeller needs to look again."""
        if self._ended or self._ending:
            return
        if isinstance(outcome, Cancelled) or not self.context.pause:
            self._close(outcome)
            return
        self._ending = True
        failure = outcome if isinstance(outcome, Failure) else None
        self._on_the_way(_Phase.SUCCEEDING if failure is None else _Phase.FAILING, failure)
        self.context.loop.later(self.context.pause, lambda: self.guard(lambda: self._close(outcome)))

    def _close(self, outcome: Outcome) -> None:
        """Writes its end."""
        if self._ended:
            return
        self._ended = True
        execution = self.context.executions.get(self.id)
        closure = execution.closure
        if closure.phase == _Phase.ABORTING:
            outcome = CANCELLED
        outputs = None
        if isinstance(outcome, Done):
            outputs = outcome.outputs
            path = self.context.layout.node(self.id, END_NODE) / "0" / "outputs.pb"
            self.context.layout.write(path, outputs.SerializeToString(deterministic=True))
            closure.outputs.uri = self.context.layout.native(path)
            closure.phase = _Phase.SUCCEEDED
        elif isinstance(outcome, Cancelled):
            closure.phase = _Phase.ABORTED
        else:
            closure.error.CopyFrom(outcome.to_error())
            closure.phase = _Phase.TIMED_OUT if outcome.code == "WorkflowTimedout" else _Phase.FAILED
        self.context.executions.save(execution, outputs=outputs)
        if self.resumed:
            abort_nodes(self.context.nodes, self.id)  # what ran before the restart and was not to go on
        self._on_end(self)


def _limit_of(spec: Any) -> int:
    """How many nodes may be at work at once; tasks that are run by themselves have no limit unless they were given one."""
    of_plan = spec.launch_plan.resource_type == identifier_pb2.LAUNCH_PLAN
    return int(spec.max_parallelism or (_MAX_PARALLELISM if of_plan else 0))
